"""Saved prompts as arguments and options of commands: `PROMPT` or `PROMPT@VERSION`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class PromptReference:
    """A saved prompt by its id or display name, and the number of a version; 0 for the newest."""

    name: str
    version: int = 0

    @classmethod
    def parse(cls, text: str) -> PromptReference:
        """Parse `PROMPT` or `PROMPT@VERSION`."""
        name, at, number = text.rpartition("@")
        if at and name and number.isascii() and number.isdecimal() and len(number) < 8:
            return cls(name, int(number))
        return cls(text)


class _PromptReferenceType(click.ParamType[PromptReference]):
    name = "prompt"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> PromptReference:
        return value if isinstance(value, PromptReference) else PromptReference.parse(value)


PROMPT_REFERENCE = _PromptReferenceType()
"""The type of a parameter of a command that names a saved prompt."""
