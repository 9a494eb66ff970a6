"""Findings and report parts: the results of validators, tasks and evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

MAX_ROWS_PER_FINDING = 20
"""Maximum number of rows listed in a finding; `Finding.row_count` counts all of them."""

_MAX_EXCERPT = 80


def excerpt(text: str) -> str:
    """Return the start of a text as one printable line of at most 80 characters, for `Finding.excerpt`."""
    start = " ".join(text[: 4 * _MAX_EXCERPT].split())
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in start)
    cut = len(line) > _MAX_EXCERPT or len(text) > 4 * _MAX_EXCERPT
    return line[: _MAX_EXCERPT - 3] + "..." if cut else line


class Severity(IntEnum):
    """Severity of a finding; a larger value is worse."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A fault, a warning or a remark, with its remedy.

    Attributes:
        severity: ERROR means that the data or the plan cannot be used.
        code: Stable identifier in UPPER_SNAKE_CASE.
        message: The problem, in one sentence.
        remedy: How to correct it, in one sentence.
        rows: Affected rows, counted from 1, at most 20; empty if the finding is about the whole file.
        row_count: Total number of affected rows.
        column: Affected column; empty if none.
        excerpt: The offending text, cut to 80 characters.
        source: Validator or task that reported the finding.
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
    """A table of texts; each row is as long as `columns`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """N counts over N intervals with N + 1 increasing edges; each interval includes its lower edge."""

    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """A matrix of numbers with labelled rows and columns."""

    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Named numbers."""

    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPart:
    """A titled, self-describing part of a report, which clients can display without knowing what it is about."""

    id: str
    title: str
    content: Table | Histogram | Matrix | Values


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """The report of the checks of a dataset.

    Attributes:
        row_count: Number of rows read, including faulty ones.
        usable_row_count: Number of rows that can be used.
        findings: The most severe first, at most 1,000.
        omitted_finding_count: Number of findings beyond the limit.
        parts: Label table, co-occurrence matrix, length histograms and the parts that validators add.
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
    """The description of a metric."""

    id: str
    display_name: str
    description: str
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationExample:
    """An evaluated row."""

    input: str
    reference: str
    prediction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An interval of numbers, both ends included."""

    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDifference:
    """The difference of a metric between two systems on the same rows.

    Attributes:
        difference: Value of the system minus value of the one that it is compared with.
        interval: Its 95 % interval; None if it cannot be told from the rows.
    """

    difference: float
    interval: Interval | None

    @property
    def is_clear(self) -> bool:
        """True if the interval excludes 0, so that the difference is hardly due to the choice of the rows."""
        return self.interval is not None and not self.interval.lower <= 0 <= self.interval.upper


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Rows whose answers have nearly the same probability.

    Attributes:
        mean_probability: Mean probability of the answers, in [0, 1].
        accuracy: Share of right answers, in [0, 1].
        row_count: Number of rows, at least one.
    """

    mean_probability: float
    accuracy: float
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well the probabilities of answers agree with how often they are right.

    Attributes:
        expected_calibration_error: Mean distance between probability and accuracy over the bins, weighted by their
            rows, in [0, 1].
        bins: From the least to the most probable answers.
    """

    expected_calibration_error: float
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEvaluation:
    """The results of one system on labelled rows.

    Attributes:
        system: In a run: `tuned`, `base_zero_shot` or `base_three_shot`; with the suffix `_constrained` if only label
            sets could be answered. In an evaluation: the id of the system.
        metrics: Value by metric id.
        main_metric: Id of the metric by which systems are compared.
        row_count: Number of rows evaluated.
        mean_tokens: Mean number of tokens per request: input and answer, without the soft prompt.
        soft_prompt_tokens: Number of soft-prompt vectors in front of each input.
        parts: Per-label table, confusion matrix and the parts that the task adds.
        examples: Some evaluated rows with their answers.
        intervals: 95 % bootstrap interval by metric id; empty if it was not computed.
        calibration: Calibration of the probabilities of the answers; None if they have none, or if it was not computed.
        mean_seconds: Mean compute time of a request; 0 if it was not measured.
        row_statistics: The results of single rows, for comparisons with other systems on the same rows, as
            `evaluation.row_statistics` writes them; empty if they were not kept.
    """

    system: str
    metrics: Mapping[str, float]
    main_metric: str
    row_count: int
    mean_tokens: float = 0.0
    soft_prompt_tokens: int = 0
    parts: tuple[ReportPart, ...] = ()
    examples: tuple[EvaluationExample, ...] = field(default=())
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    calibration: Calibration | None = None
    mean_seconds: float = 0.0
    row_statistics: str = ""
