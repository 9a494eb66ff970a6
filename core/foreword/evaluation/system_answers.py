"""The answers of a system as an evaluation stores them: with probabilities, and the loss of the right answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.evaluation import MAX_ANSWER_CHARACTERS, MAX_KEPT_LABELS, SystemAnswer
from foreword.domain.report_limits import cut_text
from foreword.evaluation.asking import Asking, Check, Given
from foreword.evaluation.perplexity import answer_nats, encode_answers
from foreword.inference.labels.scored_sets import ScoredSets

_LEAST_PROBABILITY: Final = 0.001
"""Labels that are less probable are not kept."""


def system_answers(
    asking: Asking, rows: Sequence[Row], targets: Sequence[str], *, max_target_tokens: int | None, check: Check
) -> list[SystemAnswer]:
    """Return the answers of a system to rows.

    Args:
        targets: The right answers in canonical form.
        max_target_tokens: Maximum length of a right answer whose loss is measured; None if none is.
        check: Called periodically; raises an error to stop.
    """
    requests = asking.requests(rows, check)
    found = [_answer(given) for given in asking.ask(requests, check)]
    if max_target_tokens is None:
        return found
    encoded = encode_answers(asking.runner, requests, targets, max_target_tokens)
    nats = answer_nats(asking.runner.model, encoded, asking.contributions, check=check)
    return [
        replace(answer, reference_nats=loss, reference_tokens=len(row.target_ids))
        for answer, row, loss in zip(found, encoded, nats, strict=True)
    ]


def _answer(given: Given) -> SystemAnswer:
    if given.scored is None:
        return SystemAnswer(answer=cut_text(given.text, MAX_ANSWER_CHARACTERS), tokens=given.tokens)
    return SystemAnswer(
        answer=given.text,
        tokens=given.tokens,
        probability=given.scored.probabilities[0],
        label_probabilities=kept_labels(given.scored),
    )


def kept_labels(found: ScoredSets) -> dict[str, float]:
    """Return the probability of each label that is at least 0.001, the likeliest first; at most 20."""
    likely = {label: share for label, share in found.label_probabilities.items() if share >= _LEAST_PROBABILITY}
    kept = sorted(likely.items(), key=lambda item: -item[1])[:MAX_KEPT_LABELS]
    return {label: round(share, 6) for label, share in kept}
