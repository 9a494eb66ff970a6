"""Generation: free text like that of the training rows."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, MetricSpec, ReportPart
from foreword.plugin.interfaces import PERPLEXITY, Schema, Scores, Suitability
from foreword_tasks.open_text import OpenText, concerned, plain
from foreword_tasks.suitability import copied_from_inputs


class Generation(OpenText):
    """Writes text in the form of the outputs; case and line breaks are kept."""

    id = "generation"
    display_name = "Generation"
    description = "Answers with text in the form of the training data."
    metrics = (
        MetricSpec(
            id="exact_match",
            display_name="Exact match",
            description="Share of rows whose text is right but for space around it, in [0, 1].",
        ),
        MetricSpec(
            id="chrf",
            display_name="chrF",
            description="F-score of character n-grams (chrF2 of sacrebleu), case counts, in [0, 1].",
        ),
        PERPLEXITY,
    )
    main_metric = "chrf"

    def suits(self, rows: Sequence[Row], options: TaskOptions) -> Suitability:
        """Suits any rows, less than a task that has found more in them."""
        distinct = len({plain(row.output) for row in rows})
        reason = f"{len(rows):,} rows have {distinct:,} different outputs"
        if copied_from_inputs(rows):
            reason += ", most of them parts of their inputs"
        return Suitability(score=0.5, reason=reason if len(rows) > 1 else "one row shows no labels")

    def check_texts(self, rows: Sequence[Row]) -> tuple[list[Finding], list[ReportPart]]:
        """Warns of outputs that say what their inputs say."""
        findings = concerned(
            rows,
            lambda row: plain(row.output) == plain(row.input),
            code="OUTPUT_IS_INPUT",
            message="outputs are their inputs again",
            remedy="Write what the model is to answer; from these, it learns to repeat what it is given.",
            tolerated_share=0.1,
        )
        return findings, []

    def score(self, predictions: Sequence[str], references: Sequence[str], schema: Schema) -> Scores:
        """Exact match and chrF."""
        # Imported late: it takes a second, and only evaluations need it.
        from sacrebleu.metrics.chrf import CHRF

        if not references:
            return Scores(metrics={"exact_match": 0.0, "chrf": 0.0})
        exact = sum(
            prediction.strip() == reference.strip()
            for prediction, reference in zip(predictions, references, strict=True)
        )
        chrf = CHRF().corpus_score(list(predictions), [list(references)]).score / 100
        return Scores(metrics={"exact_match": exact / len(references), "chrf": float(chrf)})
