"""Counts in words."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: `1 row`, `1,200 rows`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
