"""Which outputs mean the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from foreword.plugin.interfaces import ValidationContext

_CACHED: Final = 2048  # labels recur
_MAX_CACHED_CHARACTERS: Final = 200
"""Longer outputs are hardly labels that recur, and keeping them would take memory."""


def meaning_of_outputs(context: ValidationContext) -> Callable[[str], str]:
    """Return a function that returns the same text for outputs that mean the same.

    For classification, or if no task is set, these are outputs that differ only in case, spaces or the order of their
    labels.
    """
    if context.task not in ("", "classification"):
        return str.strip
    separator = context.separator.strip() or context.separator

    def labels(output: str) -> str:
        parts = output.casefold().split(separator)
        return "\x00".join(sorted({" ".join(label.split()) for label in parts} - {""}))

    cached = lru_cache(maxsize=_CACHED)(labels)
    return lambda output: cached(output) if len(output) <= _MAX_CACHED_CHARACTERS else labels(output)
