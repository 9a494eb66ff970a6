"""The check for rows that another file has, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from foreword.domain.counted import counted
from foreword.domain.dataset import Row
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, Severity, excerpt
from foreword.plugin.interfaces import RowCheck, RowValidator, ValidationContext
from foreword_validators.near_inputs.findings import described, incomplete
from foreword_validators.near_inputs.permission import refusal
from foreword_validators.row_index import RowIndex

_REMEDY: Final = (
    "Remove them from one of the files: a score on rows that a model was trained on measures memory, not what it has "
    "learned."
)
_LISTED: Final = 3


class Leakage(RowValidator):
    """The check for inputs that are equal or nearly equal to those of a second file, such as the held-out rows."""

    id = "leakage"
    description = "A row repeats one of the file that the rows are compared with."

    def start(self, context: ValidationContext) -> RowCheck | None:
        """Start the check if there is a file to compare with."""
        return _Check(context) if len(context.against) else None


class _Check(RowCheck):
    def __init__(self, context: ValidationContext) -> None:
        self._context = context
        self._index = RowIndex()
        self._character_count = 0
        for row in context.against:
            self._index.first(row.input.strip(), row.number)
            self._character_count += len(row.input)
        self._row_count = len(context.against)
        self._leaked: list[tuple[int, int]] = []
        self._leaked_count = 0
        self._excerpt = ""

    def row(self, row: Row) -> Iterable[Finding]:
        self._row_count += 1
        self._character_count += len(row.input)
        other = self._index.first(row.input.strip(), 0)  # 0 is no row: the input is new
        if other:
            self._leaked_count += 1
            self._excerpt = self._excerpt or excerpt(row.input)
            if len(self._leaked) < MAX_ROWS_PER_FINDING:
                self._leaked.append((row.number, other))
        return ()

    def review(self, rows: Sequence[Row]) -> Iterator[Finding]:
        if self._leaked:
            pairs = [f"row {number} is row {other} there" for number, other in self._leaked[:_LISTED]]
            yield Finding(
                severity=Severity.WARNING,
                code="LEAKED_ROWS",
                message=f"{counted(self._leaked_count, 'row')} of this file {_have(self._leaked_count)} an input of "
                f"the other file ({_listed(pairs, self._leaked_count)}).",
                remedy=_REMEDY,
                rows=tuple(number for number, _ in self._leaked),
                row_count=self._leaked_count,
                column="input",
                excerpt=self._excerpt,
            )
        if self._context.near_duplicates is False:
            return
        refused = refusal(self._context.near_duplicates, self._row_count, self._character_count)
        yield from self._near(rows) if refused is None else (refused,)

    def _near(self, rows: Sequence[Row]) -> Iterator[Finding]:
        # NumPy takes a tenth of a second to load, which only a search should take.
        from foreword_validators.near_inputs.leaks import NearLeaks

        found = NearLeaks(rows, self._context.against)
        if found.pairs:
            pairs = [
                f"row {rows[pair.second].number} differs from row {self._context.against[pair.first].number} there in "
                f"{described(pair.difference)}"
                for pair in found.pairs[:_LISTED]
            ]
            yield Finding(
                severity=Severity.WARNING,
                code="NEARLY_LEAKED_ROWS",
                message=f"{counted(found.count, 'row')} of this file {_have(found.count)} nearly an input of the other "
                f"file ({_listed(pairs, found.count)}).",
                remedy=_REMEDY,
                rows=tuple(rows[pair.second].number for pair in found.pairs[:MAX_ROWS_PER_FINDING]),
                row_count=found.count,
                column="input",
                excerpt=excerpt(rows[found.pairs[0].second].input),
            )
        if not found.is_complete:
            yield incomplete()


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _listed(pairs: Sequence[str], count: int) -> str:
    return "; ".join(pairs) + ("; ..." if count > len(pairs) else "")
