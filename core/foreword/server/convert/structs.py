"""Conversion of JSON values to `google.protobuf.Struct` and `google.protobuf.Value` and back."""

from __future__ import annotations

import math
from typing import Any, Final

from google.protobuf import struct_pb2

from foreword.domain.templates import MAX_TEMPLATE
from foreword.domain.violations import Violations

MAX_STRUCT_BYTES: Final = 64 * 2**10
"""Maximum size of free-form parameters: they are part of every response about the experiment."""


def struct_value(value: Any) -> struct_pb2.Value:
    """Convert a JSON value to a message."""
    holder = struct_pb2.Struct()
    holder.update({"value": list(value) if isinstance(value, tuple) else value})
    return holder.fields["value"]


def parse_struct(violations: Violations, field: str, message: struct_pb2.Struct) -> dict[str, Any]:
    """Convert a message to JSON values.

    A Struct stores every number as a double; whole numbers that a double represents exactly become int.

    Args:
        violations: Receives faults for values that are not finite and texts or messages that are too long.
    """
    size = message.ByteSize()
    if size > MAX_STRUCT_BYTES:
        violations.add(field, f"must have at most {MAX_STRUCT_BYTES:,} bytes in all, not {size:,}; pass fewer values")
        return {}
    return {key: parse_value(violations, f"{field}.{key[:80]}", value) for key, value in message.fields.items()}


def parse_value(violations: Violations, field: str, value: struct_pb2.Value) -> Any:
    """Convert a message to a JSON value, as `parse_struct` does."""
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
            return [parse_value(violations, f"{field}[{place}]", item) for place, item in enumerate(items)]
        case "struct_value":
            return parse_struct(violations, field, value.struct_value)
        case _:
            return None
