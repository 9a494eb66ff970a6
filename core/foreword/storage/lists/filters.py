"""Translation of filters into SQL conditions."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, not_, or_, true

from foreword.domain.near_names import did_you_mean
from foreword.errors import InvalidArgumentError
from foreword.storage.lists.fields import Context, Field
from foreword.storage.lists.filter_grammar import Condition, Conjunction, Disjunction, Negation, parse_filter


def filter_condition(text: str, fields: Mapping[str, Field], context: Context) -> ColumnElement[bool]:
    """Return the condition that a filter states.

    Raises:
        InvalidArgumentError: The filter does not follow the grammar, or names an unknown field, operator or value.
    """
    parsed = parse_filter(text)
    return true() if parsed is None else _translate(parsed, fields, context)


def _translate(condition: Condition, fields: Mapping[str, Field], context: Context) -> ColumnElement[bool]:
    match condition:
        case Conjunction(operands=operands):
            return and_(*(_translate(operand, fields, context) for operand in operands))
        case Disjunction(operands=operands):
            return or_(*(_translate(operand, fields, context) for operand in operands))
        case Negation(operand=operand):
            return not_(_translate(operand, fields, context))
        case _:
            field = fields.get(condition.field)
            if field is None:
                name = condition.field[:40]
                raise InvalidArgumentError.of(
                    "filter", f"cannot filter by {name}; filter by {', '.join(fields)}{did_you_mean(name, fields)}"
                )
            name = condition.field
            if condition.key:
                field, name = field.member(name, condition.key), f"{name}.{condition.key}"
            return field.condition(name, condition.operator, condition.value, context)
