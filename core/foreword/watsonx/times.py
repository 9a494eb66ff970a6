"""The format of times in details."""

from __future__ import annotations

from datetime import UTC, datetime


def written(time: datetime | None) -> str | None:
    """Return a time in the form `2024-01-31T12:00:00.000Z`; None for None."""
    if time is None:
        return None
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
