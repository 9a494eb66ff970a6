"""Summarization: a shorter version of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Finding, Histogram, MetricSpec, ReportPart
from foreword.plugin.interfaces import PERPLEXITY, Answer, Schema, Suitability, TaskCheck
from foreword_tasks.open_text import OpenText, OpenTextCheck, RowFinding, plain
from foreword_tasks.suitability import describe_summaries
from foreword_tasks.words import words

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer

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

    def start(self, options: TaskOptions) -> TaskCheck:
        """Start the check for summaries that are not shorter than their texts, copied, or all the same."""
        return _Check()

    def row_statistics(self, answer: Answer, reference: str, schema: Schema) -> Sequence[float]:
        """Return 1, and the F-scores ROUGE-1, ROUGE-2 and ROUGE-L of the row (Lin 2004).

        Words may be in any script and are not stemmed, so that the figures are comparable between languages.
        """
        found = _scorer().score(reference, answer.text)
        return [1.0, *(float(found[name].fmeasure) for name in _ROUGE.values())]

    def metrics_of_sums(self, sums: Sequence[float], schema: Schema) -> Mapping[str, float]:
        """Return the mean of each F-score over the rows."""
        count, *scores = sums
        return {id: score / max(1.0, count) for id, score in zip(_ROUGE, scores, strict=True)}


@cache
def _scorer() -> RougeScorer:
    # Imported late, because it takes a second and only evaluations need it.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(list(_ROUGE.values()), tokenizer=_Words())


class _Words:
    """The tokenizer for rouge_score, whose own handles only the letters a to z."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


class _Check(OpenTextCheck):
    def __init__(self) -> None:
        super().__init__()
        self._long = RowFinding(
            code="SUMMARY_NOT_SHORTER",
            message="summaries have at least as many words as their texts",
            remedy="Shorten them, and check that input and output are not swapped.",
            tolerated_share=0.05,
        )
        self._copied = RowFinding(
            code="SUMMARY_COPIED",
            message="summaries are copied word for word from their texts",
            remedy="Rephrase them; otherwise the model learns to copy a part of the text.",
            tolerated_share=0.5,
        )
        self._shares = [0] * (len(_SHARES) - 1)

    def row(self, row: Row) -> None:
        super().row(row)
        output_words, input_words = len(words(row.output)), len(words(row.input))
        if output_words >= input_words:
            self._long.add(row)
        if f" {plain(row.output)} " in f" {plain(row.input)} ":
            self._copied.add(row)
        self._shares[min(int(output_words / max(1, input_words) * 10), len(self._shares) - 1)] += 1

    def finish(self) -> tuple[list[Finding], list[ReportPart]]:
        findings, parts = super().finish()
        findings += [*self._long.findings(self._row_count), *self._copied.findings(self._row_count)]
        return findings, [*parts, *([self._lengths()] if self._row_count else [])]

    def _lengths(self) -> ReportPart:
        """Return the histogram of the summaries' lengths relative to their texts."""
        return ReportPart(
            id="summary_lengths",
            title="Length of summaries as a share of their texts, in words (last bar: 1 or more)",
            content=Histogram(unit="share", edges=_SHARES, counts=tuple(self._shares)),
        )
