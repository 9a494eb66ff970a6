"""What is wrong with a form, by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foreword.errors import ForewordError, InvalidArgumentError

MOST_SENTENCES: Final = 20
"""Sentences beside a field; a form that has more faults than that is mended from the top."""


class Faults:
    """Sentences by the name of the field beside which they stand."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def by_field(self) -> Mapping[str, list[str]]:
        """The sentences."""
        return self._found

    def add(self, field: str, sentence: str) -> None:
        """Add a sentence, once, unless the field has enough of them."""
        sentences = self._found.setdefault(field, [])
        if len(sentences) < MOST_SENTENCES and sentence not in sentences:
            sentences.append(sentence)

    def add_error(self, error: ForewordError) -> None:
        """Add what the service refuses, as far as the form has a field for it."""
        if not isinstance(error, InvalidArgumentError):
            return
        for violation in error.violations:
            field = _field_of(violation.field)
            if field:
                self.add(field, f"{violation.description[:1].upper()}{violation.description[1:]}")


_PROMPT = {
    "structured.instruction": "instruction",
    "structured.input": "input",
    "structured.input_prefix": "input_prefix",
    "structured.output_prefix": "output_prefix",
    "text": "text",
    "threshold": "threshold",
    "min_precision": "min_precision",
}


def _field_of(path: str) -> str:
    """Return the field of the form for the path of a field of the API; empty if it has none."""
    if path.startswith("parameters."):
        return path.removeprefix("parameters.").partition("[")[0]
    if path.startswith("prompt_variables"):
        return "variables"
    if path.startswith("structured.examples"):
        return "examples"
    return _PROMPT.get(path, "")
