"""Findings and report parts: how validators, tasks and evaluations tell what they saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

MAX_ROWS_PER_FINDING = 20
"""Rows that one finding lists; `Finding.row_count` counts them all."""

_MAX_EXCERPT = 80


def excerpt(text: str) -> str:
    """The start of a text on one printable line of at most 80 characters, for `Finding.excerpt`."""
    start = " ".join(text[: 4 * _MAX_EXCERPT].split())
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in start)
    cut = len(line) > _MAX_EXCERPT or len(text) > 4 * _MAX_EXCERPT
    return line[: _MAX_EXCERPT - 3] + "..." if cut else line


class Severity(IntEnum):
    """How much a finding matters; larger is worse."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault or warning, with its remedy.

    Attributes:
        severity: ERROR means that the data or the plan cannot be used.
        code: Stable identifier in UPPER_SNAKE_CASE.
        message: What is wrong, in one sentence.
        remedy: What to do about it, in one sentence.
        rows: Rows concerned, counted from 1, at most 20; empty when it concerns the whole.
        row_count: How many rows it concerns in all.
        column: Column concerned; empty when none.
        excerpt: The offending text, cut at 80 characters.
        source: Validator or task that found it.
    """

    severity: Severity
    code: str
    message: str
    remedy: str = ""
    rows: tuple[int, ...] = ()
    row_count: int = 0
    column: str = ""
    excerpt: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows and columns of text; each row is as long as `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """N counts over N intervals that N + 1 rising edges bound; each interval holds its lower edge."""

    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Numbers by row and column label."""

    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Named numbers."""

    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPart:
    """A titled part of a report that describes itself, so that a client can draw what it has never seen."""

    id: str
    title: str
    content: Table | Histogram | Matrix | Values


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """What the checks of a dataset found.

    Attributes:
        row_count: Rows read, the faulty ones included.
        usable_row_count: Rows that can be used.
        findings: The most severe first, at most 1,000.
        omitted_finding_count: Findings beyond those.
        parts: Label table, co-occurrence matrix, length histograms and what validators add.
        format: `jsonl`, `json` or `csv`.
    """

    row_count: int
    usable_row_count: int
    findings: tuple[Finding, ...] = ()
    omitted_finding_count: int = 0
    parts: tuple[ReportPart, ...] = ()
    format: str = "jsonl"

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that make the data unusable."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that are likely to hurt the result."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """Describes one metric."""

    id: str
    display_name: str
    description: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationExample:
    """One evaluated row."""

    input: str
    reference: str
    prediction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Held-out results of one system.

    Attributes:
        system: `tuned`, `base_zero_shot` or `base_three_shot`; suffix `_constrained` when answers could only be
            label sets.
        metrics: Value by metric id.
        main_metric: The metric that decides.
        row_count: Rows evaluated.
        mean_tokens: Mean tokens per request, input and answer, soft prompt not counted.
        soft_prompt_tokens: Soft-prompt vectors in front of each input.
        parts: Per-label table, confusion matrix and whatever the task adds.
        examples: Some answers, to look at.
    """

    system: str
    metrics: Mapping[str, float]
    main_metric: str
    row_count: int
    mean_tokens: float = 0.0
    soft_prompt_tokens: int = 0
    parts: tuple[ReportPart, ...] = ()
    examples: tuple[EvaluationExample, ...] = field(default=())
