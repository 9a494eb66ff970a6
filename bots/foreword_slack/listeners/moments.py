"""Slack's timestamps."""

from __future__ import annotations


def micros(ts: object) -> int:
    """Convert a timestamp such as `1700000000.000100` to microseconds since the epoch; return 0 for anything else."""
    seconds, _, fraction = str(ts).partition(".")
    try:
        return int(seconds) * 1_000_000 + int((fraction + "000000")[:6])
    except ValueError:
        return 0
