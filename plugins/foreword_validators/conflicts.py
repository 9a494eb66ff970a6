"""The check for equal inputs with different outputs."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext
from foreword_validators.output_meaning import meaning_of_outputs
from foreword_validators.row_index import RowIndex


class Conflicts(RowValidator):
    """The check for equal inputs, ignoring surrounding whitespace, with different outputs.

    For classification, or if no task is set, outputs are equal if they differ only in case, spaces or the order of
    their labels.
    """

    id = "conflicts"
    description = "The same input has different outputs."

    def start(self, context: ValidationContext) -> RowCheck | None:
        """Start the check, for any task. Unlabelled rows need none."""
        if context.unlabelled:
            return None
        return _Check(meaning_of_outputs(context))


class _Check(RowCheck):
    """The running check; it stores hashes of rows, not the texts."""

    def __init__(self, meaning: Callable[[str], str]) -> None:
        self._meaning = meaning
        self._index = RowIndex()
        self._numbers = array("I")
        self._outputs = array("q")

    def row(self, row: Row) -> Iterable[Finding]:
        if not row.input.strip() or not row.output.strip():
            return ()
        output = hash(self._meaning(row.output))
        place = self._index.first(row.input.strip(), len(self._numbers))
        if place == len(self._numbers):
            self._numbers.append(row.number)
            self._outputs.append(output)
            return ()
        return () if output == self._outputs[place] else (_conflict(row, self._numbers[place]),)


def _conflict(row: Row, first: int) -> Finding:
    """Return the finding for a row whose input the row `first` has with another output."""
    return Finding(
        severity=Severity.WARNING,
        code="CONFLICTING_OUTPUTS",
        message=f"Row {row.number} has the same input as row {first} but a different output.",
        remedy="Keep only the row with the correct output; a model cannot learn both.",
        rows=(first, row.number),
        row_count=2,
        column="output",
        excerpt=f"{row.output.strip()[:40]} <- {row.input.strip()}",
    )
