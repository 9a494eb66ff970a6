"""Orders of lists, and the condition for the rows after a position.

An order is written `create_time desc, display_name`: fields separated by commas, each ascending unless `desc` follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_

from foreword.domain.near_names import did_you_mean
from foreword.errors import InvalidArgumentError
from foreword.storage.lists.fields import Context, Field

MAX_ORDER_FIELDS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTerm:
    """A field to sort by."""

    field: Field
    descending: bool

    def clause(self, context: Context) -> ColumnElement[Any]:
        """Return the clause of ORDER BY."""
        key = self.field.sort_key(context)
        return key.desc() if self.descending else key.asc()


def parse_order(text: str, fields: Mapping[str, Field]) -> tuple[OrderTerm, ...]:
    """Parse an order; empty if the text is.

    Raises:
        InvalidArgumentError: A field is unknown or repeated, or there are too many.
    """
    if not text.strip():
        return ()
    sortable = {name: field for name, field in fields.items() if field.sortable}
    terms: dict[str, OrderTerm] = {}
    for part in text.split(","):
        name, *direction = part.split() or [""]
        if name not in sortable:
            raise InvalidArgumentError.of(
                "order_by",
                f"cannot sort by {name[:40]!r}; sort by some of {', '.join(sortable)}{did_you_mean(name, sortable)}",
            )
        if direction not in ([], ["asc"], ["desc"]):
            raise InvalidArgumentError.of("order_by", f"must have asc, desc or nothing after {name}, not {part[:80]!r}")
        if name in terms:
            raise InvalidArgumentError.of("order_by", f"must name {name} only once")
        terms[name] = OrderTerm(field=sortable[name], descending=direction == ["desc"])
    if len(terms) > MAX_ORDER_FIELDS:
        raise InvalidArgumentError.of("order_by", f"must have at most {MAX_ORDER_FIELDS} fields, not {len(terms)}")
    return tuple(terms.values())


def after(terms: Sequence[OrderTerm], position: Sequence[Any], context: Context) -> ColumnElement[bool]:
    """Return the condition for the rows that follow a position.

    Args:
        terms: The whole order, whose last term is unique.
        position: The JSON form of the value of each term in the last row before.
    """
    alternatives: list[ColumnElement[bool]] = []
    equal: list[ColumnElement[bool]] = []
    for term, stored in zip(terms, position, strict=True):
        key, value = term.field.sort_key(context), term.field.from_json(stored)
        alternatives.append(and_(*equal, key < value if term.descending else key > value))
        equal.append(key == value)
    return or_(*alternatives)
