"""Generation: free text like that of the training rows."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, MetricSpec, ReportPart, Severity
from foreword.errors import FieldViolation, InvalidArgumentError
from foreword.plugin.interfaces import Schema, Scores, Task


class Generation(Task):
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
            description="F-score of character n-grams (chrF2 of sacrebleu), in [0, 1].",
        ),
    )
    main_metric = "chrf"

    def fit(self, rows: Sequence[Row], options: TaskOptions) -> Schema:
        """Generation learns nothing from the rows: the schema is empty.

        Raises:
            InvalidArgumentError: An option of classification is set.
        """
        wrong = {
            "labels": bool(options.labels),
            "multi_label": options.multi_label is not None,
            "separator": options.separator is not None,
        }
        violations = [
            FieldViolation(field=f"task_options.{name}", description="generation has no labels; leave it unset")
            for name, is_set in wrong.items()
            if is_set
        ]
        if violations:
            raise InvalidArgumentError(violations)
        return {}

    def check(self, rows: Sequence[Row], schema: Schema) -> tuple[list[Finding], list[ReportPart]]:
        """Warns when all outputs are the same."""
        if len(rows) < 2 or len({row.output.strip() for row in rows}) > 1:
            return [], []
        finding = Finding(
            severity=Severity.WARNING,
            code="ONE_OUTPUT",
            message=f"All {len(rows)} rows have the same output.",
            remedy="Add rows with other outputs; from these, a model learns one answer to everything.",
            column="output",
            excerpt=rows[0].output,
        )
        return [finding], []

    def target(self, output: str, schema: Schema) -> str:
        """The output as it is."""
        return output

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
