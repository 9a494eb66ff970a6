"""Points in time as details write them."""

from __future__ import annotations

from datetime import UTC, datetime


def written(time: datetime | None) -> str | None:
    """`2024-01-31T12:00:00.000Z`; None stays None."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
