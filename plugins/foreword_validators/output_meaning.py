"""Which outputs mean the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from foreword.plugin.interfaces import ValidationContext

_CACHED: Final = 2048  # labels recur


def meaning_of_outputs(context: ValidationContext) -> Callable[[str], str]:
    """Return a function that returns the same text for outputs that mean the same.

    For classification, or if no task is set, these are outputs that differ only in case, spaces or the order of their
    labels.
    """
    if context.task not in ("", "classification"):
        return str.strip
    separator = context.separator.strip() or context.separator

    @lru_cache(maxsize=_CACHED)
    def labels(output: str) -> str:
        parts = output.casefold().split(separator)
        return "\x00".join(sorted({" ".join(label.split()) for label in parts} - {""}))

    return labels
