"""Generation: free text in the form of the training outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, MetricSpec, ReportPart
from foreword.plugin.interfaces import PERPLEXITY, Answer, Schema, Suitability, TaskCheck
from foreword_tasks.open_text import OpenText, OpenTextCheck, RowFinding, plain
from foreword_tasks.suitability import copied_from_inputs

if TYPE_CHECKING:
    from sacrebleu.metrics.chrf import CHRF


class Generation(OpenText):
    """The task of generating text in the form of the training outputs; case and line breaks are preserved."""

    id = "generation"
    display_name = "Generation"
    description = "Answers with text in the form of the training data."
    metrics = (
        MetricSpec(
            id="exact_match",
            display_name="Exact match",
            description="Share of rows whose text is exactly right, ignoring surrounding whitespace, in [0, 1].",
        ),
        MetricSpec(
            id="chrf",
            display_name="chrF",
            description="F-score of character n-grams (chrF2 of sacrebleu), case-sensitive, in [0, 1].",
        ),
        PERPLEXITY,
    )
    main_metric = "chrf"

    def suits(self, rows: Sequence[Row], options: TaskOptions) -> Suitability:
        """Return a low suitability for any rows, so that a more specific task is preferred."""
        distinct = len({plain(row.output) for row in rows})
        reason = f"{len(rows):,} rows have {distinct:,} different outputs"
        if copied_from_inputs(rows):
            reason += ", most of them parts of their inputs"
        return Suitability(score=0.5, reason=reason if len(rows) > 1 else "one row is too few to recognise labels")

    def start(self, options: TaskOptions) -> TaskCheck:
        """Start the check for outputs that are all the same, or repeat their inputs."""
        return _Check()

    def row_statistics(self, answer: Answer, reference: str, schema: Schema) -> Sequence[float]:
        """Return 1, whether the text is exactly right, and the counts of character n-grams for chrF."""
        # sacrebleu has no public method that returns the counts of a text: its own bootstrap uses this one.
        (counts,) = _chrf()._extract_corpus_statistics([answer.text], [[reference]])
        return [1.0, float(answer.text.strip() == reference.strip()), *map(float, counts)]

    def metrics_of_sums(self, sums: Sequence[float], schema: Schema) -> Mapping[str, float]:
        """Return exact match, and the chrF of all rows together (Popović 2015)."""
        count, exact, *counts = sums
        # Not public either: the score that `corpus_score` computes from the sums of the counts.
        return {
            "exact_match": exact / max(1.0, count),
            "chrf": float(_chrf()._compute_f_score([int(number) for number in counts])) / 100,
        }


@cache
def _chrf() -> CHRF:
    # Imported late, because it takes a second and only evaluations need it.
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


class _Check(OpenTextCheck):
    def __init__(self) -> None:
        super().__init__()
        self._repeated = RowFinding(
            code="OUTPUT_IS_INPUT",
            message="outputs repeat their inputs",
            remedy="Replace them by the answers that the model should give; otherwise it learns to repeat its input.",
            tolerated_share=0.1,
        )

    def row(self, row: Row) -> None:
        super().row(row)
        if plain(row.output) == plain(row.input):
            self._repeated.add(row)

    def finish(self) -> tuple[list[Finding], list[ReportPart]]:
        findings, parts = super().finish()
        return [*findings, *self._repeated.findings(self._row_count)], parts
