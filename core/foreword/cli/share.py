"""Shares as values of options."""

from __future__ import annotations

import math
from typing import Any

import click


class _Share(click.ParamType[float]):
    """A share, written as `10%` or `0.1`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share as a number."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = math.nan
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is not a share; write 10% or 0.1", param, ctx)
        return share


SHARE = _Share()
"""The type of an option that takes a share."""
