"""Conversion of times to `google.protobuf.Timestamp` and back."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf import timestamp_pb2

from foreword.errors import InvalidArgumentError


def timestamp(value: datetime | None) -> timestamp_pb2.Timestamp | None:
    """Convert an aware datetime to a message; None leaves the field unset."""
    if value is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(value)
    return message


def parse_timestamp(field: str, message: timestamp_pb2.Timestamp) -> datetime:
    """Convert a message to an aware datetime in UTC.

    Raises:
        InvalidArgumentError: The time is outside the years 1 to 9999.
    """
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgumentError.of(field, "must be a time between the years 1 and 9999") from None
