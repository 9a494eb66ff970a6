"""The second pass over answers with several labels: which answers with one label more are worth a pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Final

from foreword.inference.labels.candidates import Candidates

BEAM: Final = 4
"""Candidates that the second pass extends."""
MAX_EXTENSIONS: Final = 24
"""Candidates that it adds at most."""
MAX_EXTENSION_TOKENS: Final = 1_024
"""Tokens of the candidates that it adds, together."""
NEGLIGIBLE: Final = math.log(1000)
"""Distance in nats below the best candidate from which a candidate is not worth a pass."""

_MAX_TOKENIZED: Final = 256
_MAX_CHARACTERS: Final = 16_384
"""Limits of what is tokenized to choose from: that takes place between two passes of the network."""

Bounds = Callable[[Sequence[Sequence[int]]], Sequence[float]]
"""Returns upper bounds for the log-probabilities of token sequences."""


def choose_extensions(
    candidates: Candidates,
    log_probs: Mapping[tuple[str, ...], float],
    *,
    beam: int,
    max_tokens: int,
    bounds: Bounds | None,
) -> dict[tuple[str, ...], list[int]]:
    """Choose the candidates with one label more that a second pass scores, and return their tokens.

    Args:
        log_probs: The results of the first pass.
        beam: Number of candidates to extend.
        max_tokens: Maximum length of a candidate.
        bounds: Returns upper bounds, by which candidates are chosen; None if there are none.
    """
    if not candidates.space.multi_label or _leave_nothing(candidates, log_probs):
        return {}
    ranked = sorted(log_probs, key=log_probs.__getitem__, reverse=True)
    likeliest = [labels[0] for labels in ranked if len(labels) == 1]
    answers = _within_limits(candidates, ranked[:beam], likeliest)
    new = {
        answer: ids for answer, ids in zip(answers, candidates.all_ids(answers), strict=True) if len(ids) <= max_tokens
    }
    if new and bounds is not None:
        worth = log_probs[ranked[0]] - NEGLIGIBLE
        hopeful = [(bound, answer) for bound, answer in zip(bounds(list(new.values())), new, strict=True)]
        new = {answer: new[answer] for bound, answer in sorted(hopeful, reverse=True) if bound > worth}
    return _fitting(new)


def _leave_nothing(candidates: Candidates, log_probs: Mapping[tuple[str, ...], float]) -> bool:
    """Return whether all other answers together are negligible, so that none has to be converted to tokens.

    The probabilities of all texts add up to 1. Answers of the same text, as with a separator in a label, count once.
    """
    by_text = {candidates.text(labels): log_prob for labels, log_prob in log_probs.items()}
    left = 1 - math.fsum(map(math.exp, by_text.values()))
    return left <= math.exp(max(by_text.values()) - NEGLIGIBLE)


def _within_limits(
    candidates: Candidates, beam: Sequence[tuple[str, ...]], labels: Sequence[str]
) -> list[tuple[str, ...]]:
    """Return the answers to choose from, those with the likeliest labels first."""
    answers, left = list[tuple[str, ...]](), _MAX_CHARACTERS
    for answer in islice(candidates.extend(beam, labels), _MAX_TOKENIZED):
        left -= len(candidates.text(answer))
        if left < 0:
            break
        answers.append(answer)
    return answers


def _fitting(answers: Mapping[tuple[str, ...], list[int]]) -> dict[tuple[str, ...], list[int]]:
    """Return the first answers within the limits of a second pass."""
    kept, left = dict[tuple[str, ...], list[int]](), MAX_EXTENSION_TOKENS
    for answer, ids in islice(answers.items(), MAX_EXTENSIONS):
        left -= len(ids)
        if left < 0:
            break
        kept[answer] = ids
    return kept
