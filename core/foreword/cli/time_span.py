"""Time spans as values of options."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import click

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


class _TimeSpan(click.ParamType[timedelta]):
    """A time span, written as `7d`, `36h`, `90m` or `45s`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time span."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?) ?([dhms])", str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a time span; write 7d, 36h or 90m", param, ctx)
        return timedelta(**{_UNITS[found[2]]: float(found[1])})


TIME_SPAN = _TimeSpan()
"""The type of an option that takes a time span."""
