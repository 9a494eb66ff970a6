"""The interface of row validators, which check dataset rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, ReportPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationContext:
    """The information that row validators receive about a file before its rows.

    Attributes:
        count_tokens: Counts the tokens of a text; None if no base model was named.
        max_input_tokens: Maximum length of an input in tokens; None if no base model was named.
        multi_label: Whether outputs may contain several labels; None while undecided.
        unlabelled: Whether the rows have no outputs: all of them are empty, and only inputs can be checked.
        near_duplicates: Whether to look for nearly equal inputs, which takes longer than the other checks; None to do
            so if the file is not too large for it.
        refuse_long_inputs: Whether inputs longer than `max_input_tokens` are errors; otherwise they are warnings.
        against: Rows of another file that these rows should not repeat, such as those held out for an evaluation; they
            are read from disk on access.
    """

    task: str
    count_tokens: Any = None
    max_input_tokens: int | None = None
    labels: tuple[str, ...] = ()
    multi_label: bool | None = None
    separator: str = ", "
    unlabelled: bool = False
    near_duplicates: bool | None = None
    refuse_long_inputs: bool = False
    against: Sequence[Row] = ()


class RowCheck(ABC):
    """The check of one file by one validator. It may store state about earlier rows, bounded in size per row."""

    @abstractmethod
    def row(self, row: Row) -> Iterable[Finding]:
        """Return findings about a row. Rows come in the order of the file; severity ERROR makes the row unusable."""

    def review(self, rows: Sequence[Row]) -> Iterable[Finding]:
        """Return findings that need all rows at once, after the last row and before `finish`.

        Args:
            rows: The usable rows in the order of the file. They are read from disk on access, and each access may
                raise an error if nobody waits for the result any more: do not catch it.
        """
        return ()

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        """Return findings and report parts about the whole file, after the last row."""
        return (), ()


class RowValidator(ABC):
    """A check of dataset rows."""

    id: ClassVar[str]
    description: ClassVar[str]

    @abstractmethod
    def start(self, context: ValidationContext) -> RowCheck | None:
        """Start the check of a file; None if there is nothing to check in this context."""
