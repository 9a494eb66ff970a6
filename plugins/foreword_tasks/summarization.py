"""Summarization: a shorter version of a text."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, Histogram, MetricSpec, ReportPart
from foreword.plugin.interfaces import PERPLEXITY, Schema, Scores, Suitability
from foreword_tasks.open_text import OpenText, check_rows, plain
from foreword_tasks.suitability import describe_summaries
from foreword_tasks.words import words

_ROUGE: Final = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
_SHARES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1)


class Summarization(OpenText):
    """The task of summarizing a text; case and line breaks are preserved."""

    id = "summarization"
    display_name = "Summarization"
    description = "Answers with a summary that is shorter than the text."
    default_verbalizer = "summarize: {{input}}"
    metrics = (
        MetricSpec(
            id="rouge_1",
            display_name="ROUGE-1",
            description="F-score of the words that summary and reference share, ignoring case, in [0, 1].",
        ),
        MetricSpec(
            id="rouge_2",
            display_name="ROUGE-2",
            description="F-score of the pairs of neighbouring words that summary and reference share, in [0, 1].",
        ),
        MetricSpec(
            id="rouge_l",
            display_name="ROUGE-L",
            description="F-score of the longest sequence of words that summary and reference share, in [0, 1].",
        ),
        PERPLEXITY,
    )
    main_metric = "rouge_l"

    def suits(self, rows: Sequence[Row], options: TaskOptions) -> Suitability | None:
        """Return the suitability for rows whose outputs are clearly shorter than their inputs and use their words."""
        reason = describe_summaries(rows)
        return None if reason is None else Suitability(score=0.7, reason=reason)

    def check_texts(self, rows: Sequence[Row]) -> tuple[list[Finding], list[ReportPart]]:
        """Check for summaries that are not shorter than their texts or copied from them; report the lengths."""
        findings = [
            *check_rows(
                rows,
                lambda row: len(words(row.output)) >= len(words(row.input)),
                code="SUMMARY_NOT_SHORTER",
                message="summaries have at least as many words as their texts",
                remedy="Shorten them, and check that input and output are not swapped.",
                tolerated_share=0.05,
            ),
            *check_rows(
                rows,
                lambda row: f" {plain(row.output)} " in f" {plain(row.input)} ",
                code="SUMMARY_COPIED",
                message="summaries are copied word for word from their texts",
                remedy="Rephrase them; otherwise the model learns to copy a part of the text.",
                tolerated_share=0.5,
            ),
        ]
        return findings, [_shortness(rows)] if rows else []

    def score(self, predictions: Sequence[str], references: Sequence[str], schema: Schema) -> Scores:
        """Return ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), each the mean F-score over the rows.

        Words may be in any script and are not stemmed, so that the figures are comparable between languages.
        """
        # Imported late, because it takes a second and only evaluations need it.
        from rouge_score.rouge_scorer import RougeScorer

        if not references:
            return Scores(metrics=dict.fromkeys(_ROUGE, 0.0))
        scorer = RougeScorer(list(_ROUGE.values()), tokenizer=_Words())
        found = [
            scorer.score(reference, prediction) for reference, prediction in zip(references, predictions, strict=True)
        ]
        return Scores(metrics={id: fmean(float(row[name].fmeasure) for row in found) for id, name in _ROUGE.items()})


class _Words:
    """The tokenizer for rouge_score, whose own handles only the letters a to z."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


def _shortness(rows: Sequence[Row]) -> ReportPart:
    """Return the histogram of the summaries' lengths relative to their texts."""
    counts = [0] * (len(_SHARES) - 1)
    for row in rows:
        share = len(words(row.output)) / max(1, len(words(row.input)))
        counts[min(int(share * 10), len(counts) - 1)] += 1
    return ReportPart(
        id="summary_lengths",
        title="Length of summaries as a share of their texts, in words (last bar: 1 or more)",
        content=Histogram(unit="share", edges=_SHARES, counts=tuple(counts)),
    )
