"""Checks of single fields, whose faults are collected rather than raised one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf import struct_pb2, timestamp_pb2

from foreword.errors import FieldViolation, InvalidArgumentError
from foreword.storage.pages import LARGEST_PAGE_SIZE

MAX_DISPLAY_NAME = 200
MAX_DESCRIPTION = 2_000
MAX_TEMPLATE = 20_000
MAX_TAGS = 20
MAX_TAG = 63
MAX_REQUEST_ID = 64

Parsed = TypeVar("Parsed")
Number = TypeVar("Number", int, float)


class Violations:
    """The faults of one request, in the order in which they were seen."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """Notes a fault."""
        self._found.append(FieldViolation(field=field, description=description))

    def keep(self, parse: Callable[[], Parsed]) -> Parsed | None:
        """What `parse` returns, or None after noting the faults that it raises."""
        try:
            return parse()
        except InvalidArgumentError as error:
            self._found += error.violations
            return None

    def check(self) -> None:
        """Raises what was noted.

        Raises:
            InvalidArgumentError: Anything was.
        """
        if self._found:
            raise InvalidArgumentError(self._found)

    def text(self, field: str, value: str, maximum: int, *, required: bool = False) -> str:
        """A text of at most `maximum` characters."""
        if required and not value.strip():
            self.add(field, "must not be empty")
        elif len(value) > maximum:
            self.add(field, f"must hold at most {maximum:,} characters, not {len(value):,}")
        elif "\x00" in value:
            self.add(field, "must not hold the character NUL")
        return value

    def number(
        self,
        field: str,
        value: Number,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        above: float | None = None,
    ) -> Number:
        """A finite number in `[minimum, maximum]`, or in `(above, maximum]`."""
        inside = (
            math.isfinite(value)
            and (minimum is None or value >= minimum)
            and (above is None or value > above)
            and (maximum is None or value <= maximum)
        )
        if not inside:
            low = f"({above:g}" if above is not None else f"[{minimum:.10g}" if minimum is not None else "("
            high = f"{maximum:.10g}]" if maximum is not None else "inf)"
            self.add(field, f"must be in {low}, {high}, not {value:.10g}")
        return value

    def tags(self, field: str, values: Iterable[str]) -> tuple[str, ...]:
        """At most 20 words of at most 63 characters."""
        tags = tuple(values)
        if len(tags) > MAX_TAGS:
            self.add(field, f"must hold at most {MAX_TAGS} tags, not {len(tags)}")
        for place, tag in enumerate(tags[:MAX_TAGS]):
            self.text(f"{field}[{place}]", tag, MAX_TAG, required=True)
        return tags

    def choice(self, field: str, value: str, choices: Sequence[str]) -> str:
        """One of `choices`."""
        if value not in choices:
            self.add(field, f"must be one of {', '.join(choices)}, not {value[:80]!r}")
        return value


def page_size(request: Any) -> int:
    """The page size of a list request; 0 leaves it to the list.

    Raises:
        InvalidArgumentError: It is out of range.
    """
    violations = Violations()
    violations.number("page_size", int(request.page_size), minimum=0, maximum=LARGEST_PAGE_SIZE)
    violations.text("page_token", request.page_token, 2_000)
    violations.check()
    return int(request.page_size)


def timestamp(value: datetime | None) -> timestamp_pb2.Timestamp | None:
    """A point in time as a message; None stays unset."""
    if value is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(value)
    return message


def parse_timestamp(field: str, message: timestamp_pb2.Timestamp) -> datetime:
    """A message as an aware point in time.

    Raises:
        InvalidArgumentError: It lies outside the years 1 to 9999.
    """
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgumentError.of(field, "must be a time between the years 1 and 9999") from None


def struct_value(value: Any) -> struct_pb2.Value:
    """A JSON value as a message."""
    holder = struct_pb2.Struct()
    holder.update({"value": list(value) if isinstance(value, tuple) else value})
    return holder.fields["value"]


def parse_struct(violations: Violations, field: str, message: struct_pb2.Struct) -> dict[str, Any]:
    """A message as JSON values; whole numbers become int, as JSON has one kind of number only."""
    return {key: _parse_value(violations, f"{field}.{key[:80]}", value) for key, value in message.fields.items()}


def _parse_value(violations: Violations, field: str, value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = violations.number(field, value.number_value)
            return int(number) if math.isfinite(number) and number.is_integer() and abs(number) < 2**53 else number
        case "string_value":
            return violations.text(field, value.string_value, MAX_TEMPLATE)
        case "bool_value":
            return value.bool_value
        case "list_value":
            items = value.list_value.values
            return [_parse_value(violations, f"{field}[{place}]", item) for place, item in enumerate(items)]
        case "struct_value":
            return parse_struct(violations, field, value.struct_value)
        case _:
            return None


@contextmanager
def fields_below(prefix: str) -> Iterator[None]:
    """Puts `prefix` before the fields that an inner check names, which knows nothing of the request around it."""
    try:
        yield
    except InvalidArgumentError as error:
        error.violations = tuple(
            FieldViolation(field=f"{prefix}.{violation.field}", description=violation.description)
            for violation in error.violations
        )
        raise
