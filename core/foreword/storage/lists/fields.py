"""Kinds of fields that lists can be filtered and sorted by."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Text, collate, column, false, func, literal, select, true

from foreword.domain.tags import tag_key_fault
from foreword.errors import InvalidArgumentError

_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")
_EQUALITY = ("=", "!=")
_CONTAINS = (":",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The database and the tenant for which a condition is made."""

    is_sqlite: bool
    tenant: str


@dataclass(frozen=True, slots=True)
class Field(ABC):
    """A field of a list.

    Attributes:
        column: Its expression in SQL.
        sortable: Whether the list can be sorted by it; such a field is never null.
        nullable: Whether it can be unset. A comparison with an unset field is false.
    """

    column: Any
    sortable: bool = False
    nullable: bool = False

    operators: ClassVar[tuple[str, ...]]

    def member(self, name: str, key: str) -> Field:
        """Return the field of a value by its key, which filters write as `name.key`.

        Raises:
            InvalidArgumentError: The field holds no values by key, or the key cannot be one.
        """
        raise InvalidArgumentError.of("filter", f"cannot compare {name}.{key[:40]}: {name} has no keys")

    def condition(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        """Return the comparison with a value.

        Raises:
            InvalidArgumentError: The field does not have the operator, or the value is not one of the field.
        """
        if operator not in self.operators:
            raise InvalidArgumentError.of(
                "filter", f"cannot compare {name} by {operator}; use {' or '.join(self.operators)}"
            )
        found = self._compare(name, operator, value, context)
        return func.coalesce(found, false()) if self.nullable else found

    def sort_key(self, context: Context) -> ColumnElement[Any]:
        """Return the expression to sort by."""
        del context
        key: ColumnElement[Any] = self.column
        return key

    def to_json(self, value: Any) -> Any:
        """Return the JSON form of a value of `sort_key`, for page tokens."""
        return value

    def from_json(self, value: Any) -> Any:
        """Return the value with this JSON form."""
        return value

    @abstractmethod
    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]: ...


class TextField(Field):
    """A text. `:` finds texts that contain the value; it ignores the case of the letters A to Z."""

    operators = ("=", "!=", ":")

    def sort_key(self, context: Context) -> ColumnElement[Any]:
        """Sort by Unicode code points on every database, which is also the order of SQLite."""
        key: ColumnElement[Any] = self.column if context.is_sqlite else collate(self.column, "C")
        return key

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        if operator == ":":
            # Only A to Z, because databases know other letters to different degrees.
            folded = func.lower(self.sort_key(context))
            wanted = "".join(letter.lower() if letter.isascii() else letter for letter in value)
            place = func.instr(folded, wanted) if context.is_sqlite else func.strpos(folded, wanted)
            return place > 0
        return _compared(self.column, operator, value)


class NumberField(Field):
    """A whole number."""

    operators = _COMPARISONS

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        try:
            number = int(value)
        except ValueError:
            number = 2**63
        if not -(2**63) <= number < 2**63:
            raise InvalidArgumentError.of("filter", f"needs a whole number for {name}, not {value[:40]!r}")
        return _compared(self.column, operator, number)


class RealField(Field):
    """A number."""

    operators = _COMPARISONS

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidArgumentError.of("filter", f"needs a number such as 0.5 for {name}, not {value[:40]!r}")
        return _compared(self.column, operator, number)


class FlagField(Field):
    """True or false."""

    operators = _EQUALITY

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        if value.lower() not in ("true", "false"):
            raise InvalidArgumentError.of("filter", f"needs true or false for {name}, not {value[:40]!r}")
        return _compared(self.column, operator, value.lower() == "true")


class TimeField(Field):
    """A point in time."""

    operators = _COMPARISONS

    def to_json(self, value: Any) -> Any:
        """Return ISO 8601."""
        return value.isoformat()

    def from_json(self, value: Any) -> Any:
        """Parse ISO 8601."""
        return datetime.fromisoformat(value)

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        try:
            moment = datetime.fromisoformat(value)
            moment.astimezone(UTC)  # raises an error at the ends of the calendar
        except (ValueError, OverflowError):
            moment = datetime.min
        if moment.tzinfo is None:
            raise InvalidArgumentError.of(
                "filter", f'needs a time such as "2026-01-31T12:00:00Z" for {name}, not {value[:40]!r}'
            )
        return _compared(self.column, operator, moment)


class DayField(Field):
    """A day in UTC, stored as text such as `2026-01-31`, which sorts by time."""

    operators = _COMPARISONS

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        try:
            day = date.fromisoformat(value).isoformat()
        except ValueError:
            raise InvalidArgumentError.of(
                "filter", f"needs a day such as 2026-01-31 for {name}, not {value[:40]!r}"
            ) from None
        return _compared(self.column, operator, day)


@dataclass(frozen=True, slots=True)
class ChoiceField(Field):
    """One value of an enum, by its name, with or without the prefix of the API such as `STATE_`."""

    choices: type[Enum] = Enum
    prefix: str = ""

    operators = _EQUALITY

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        return _compared(self.column, operator, _choice(name, value, self.choices, self.prefix))


@dataclass(frozen=True, slots=True)
class ReferenceField(Field):
    """The id of another resource. Values are ids or full names.

    Attributes:
        collection: The full names of the tenant's resources start with `tenants/{tenant}/{collection}/`.
    """

    collection: str = ""

    operators = _EQUALITY

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        prefix = f"{self.collection}/" if self.collection == "baseModels" else ""
        prefix = prefix or f"tenants/{context.tenant}/{self.collection}/"
        if value.startswith("tenants/") and not value.startswith(prefix):
            return false() if operator == "=" else true()
        return _compared(self.column, operator, value.removeprefix(prefix))


@dataclass(frozen=True, slots=True)
class ListField(Field):
    """A list of texts. `:` finds lists that contain the value.

    Attributes:
        choices: The enum of the items, with the API's `prefix`; None for any text.
    """

    choices: type[Enum] | None = None
    prefix: str = ""

    operators = _CONTAINS

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        item = value if self.choices is None else _choice(name, value, self.choices, self.prefix)
        expand = func.json_each if context.is_sqlite else func.json_array_elements_text
        items = expand(self.column).table_valued(column("value", Text))
        return select(literal(1)).select_from(items).where(items.c.value == item).exists()


class TagsField(Field):
    """Tags by key. `:` finds resources that have a tag with this key."""

    operators = _CONTAINS

    def member(self, name: str, key: str) -> Field:
        """Return the field of the tag with this key, a text that may be missing."""
        fault = tag_key_fault(key)
        if fault:
            raise InvalidArgumentError.of("filter", f"{name} {fault}")
        return TextField(self.column[key].as_string(), nullable=True)

    def _compare(self, name: str, operator: str, value: str, context: Context) -> ColumnElement[bool]:
        found: ColumnElement[bool] = self.member(name, value).column.is_not(None)
        return found


def _choice(name: str, value: str, choices: type[Enum], prefix: str) -> str:
    names: Mapping[str, Enum] = {item.name: item for item in choices}
    found = names.get(value.upper().removeprefix(prefix))
    if found is None:
        raise InvalidArgumentError.of("filter", f"needs one of {', '.join(names)} for {name}, not {value[:40]!r}")
    return str(found.value)


def _compared(expression: Any, operator: str, value: Any) -> ColumnElement[bool]:
    match operator:
        case "=":
            found = expression == value
        case "!=":
            found = expression != value
        case "<":
            found = expression < value
        case "<=":
            found = expression <= value
        case ">":
            found = expression > value
        case _:
            found = expression >= value
    condition: ColumnElement[bool] = found
    return condition
