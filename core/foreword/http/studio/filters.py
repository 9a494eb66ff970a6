"""Conditions of lists, in the grammar of https://google.aip.dev/160."""

from __future__ import annotations


def quoted(text: str) -> str:
    """Return a text as a value of a condition."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
