"""Row validators: checks of dataset rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, ReportPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationContext:
    """What row validators may know about the rows to come.

    Attributes:
        count_tokens: Counts tokens of a text; None when no base model was named.
        max_input_tokens: Longest input in tokens; None when no base model was named.
        multi_label: None while undecided.
    """

    task: str
    count_tokens: Any = None
    max_input_tokens: int | None = None
    labels: tuple[str, ...] = ()
    multi_label: bool | None = None
    separator: str = ", "


class RowCheck(ABC):
    """One validator at work on one file; may remember what it has seen, within bounded memory per row."""

    @abstractmethod
    def row(self, row: Row) -> Iterable[Finding]:
        """Findings about one row, in the order of the file. A finding of severity ERROR makes the row unusable."""

    def finish(self) -> tuple[Iterable[Finding], Iterable[ReportPart]]:
        """Findings and report parts about the whole, after the last row."""
        return (), ()


class RowValidator(ABC):
    """A check of dataset rows."""

    id: ClassVar[str]
    description: ClassVar[str]

    @abstractmethod
    def start(self, context: ValidationContext) -> RowCheck | None:
        """Begins a file; None when there is nothing to check in this context."""
