"""Comparisons that accept any order of tokens or labels whose log-probabilities are nearly equal.

A row in a batch and the same row alone go through different sums, which round differently, as do two processors. The
order of two log-probabilities that lie closer together than this rounding is arbitrary, and so is what follows from it:
a rank, a list of the likeliest tokens, the token that is chosen.

Legend: V vocabulary.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

import pytest
import torch

from factories.serving import decode_rows
from foreword.domain.inference import ReturnOptions
from foreword.inference.decoding.choice import Choice
from foreword.inference.decoding.rows import DecodedText, DecodeRow
from foreword.inference.decoding.token_details import TokenDetail
from foreword.inference.runner import ModelRunner

Key = TypeVar("Key", bound=Hashable)

TIE_NATS: Final = 1e-4
"""Log-probabilities that are closer count as equal. The rounding of the tiny models in fp32 is about 1e-5."""


def same_order(found: Sequence[Key], log_probs: Mapping[Key, float], *, nats: float = TIE_NATS) -> bool:
    """Return whether these are the likeliest keys, each once and likeliest first, except for near ties.

    Args:
        found: The found keys.
        log_probs: Log-probabilities of all keys.
    """
    if len(set(found)) != len(found) or not set(found) <= set(log_probs):
        return False
    values = [log_probs[key] for key in found]
    chosen = set(found)
    values.append(max((value for key, value in log_probs.items() if key not in chosen), default=float("-inf")))
    return all(later <= earlier + nats for earlier, later in itertools.pairwise(values))


def same_rank(rank: int, log_prob: float, log_probs: Sequence[float], *, nats: float = TIE_NATS) -> bool:
    """Return whether this may be the rank of a log-probability among all of them, except for near ties."""
    surely_before = sum(value > log_prob + nats for value in log_probs)
    not_after = sum(value > log_prob - nats for value in log_probs)  # itself included
    return surely_before < rank <= not_after


def assert_same_answer(
    runner: ModelRunner, row: DecodeRow, found: DecodedText, *, alone: DecodedText | None = None
) -> None:
    """Check that an answer equals the answer of the row alone, except for near ties.

    Where another token was chosen, its logit is raised and that of the expected one lowered, by `TIE_NATS` together,
    and the row is decoded again. If the row now chooses the same token, the rest is compared with this new answer.

    Args:
        alone: The answer of the row alone, if the test has it already.
    """
    nudges = dict[int, tuple[int, int]]()
    expected = alone or _decode_alone(runner, row, nudges)
    while found.ids != expected.ids:
        pairs = zip(found.ids, expected.ids, strict=False)
        place = next((place for place, (mine, other) in enumerate(pairs) if mine != other), None)
        assert place is not None, f"an answer ends early: {found.ids} instead of {expected.ids}"
        assert place not in nudges, f"token {place} is not a near tie: {found.ids} instead of {expected.ids}"
        nudges[place] = (found.ids[place], expected.ids[place])
        expected = _decode_alone(runner, row, nudges)
    assert (found.text, found.stop_reason) == (expected.text, expected.stop_reason)
    assert_same_details(found.details, expected.details)
    assert_same_details(found.input_details, expected.input_details)
    if _ranking(found) != _ranking(expected):
        _assert_same_ranking(found, _decode_alone(runner, _with_every_token(runner, row), nudges))


def assert_same_details(found: Sequence[TokenDetail], expected: Sequence[TokenDetail]) -> None:
    """Check the log-probabilities of tokens and of the likeliest tokens at the same positions."""
    assert [item.log_probability for item in found] == pytest.approx(
        [item.log_probability for item in expected], abs=1e-3
    )
    assert [[log_prob for _, log_prob in item.top] for item in found] == [
        pytest.approx([log_prob for _, log_prob in item.top], abs=1e-3) for item in expected
    ]


def _ranking(answer: DecodedText) -> list[tuple[int, list[int]]]:
    return [(item.rank, [token for token, _ in item.top]) for item in (*answer.details, *answer.input_details)]


def _assert_same_ranking(found: DecodedText, whole: DecodedText) -> None:
    """Check ranks and likeliest tokens against complete distributions."""
    for mine, others in ((found.details, whole.details), (found.input_details, whole.input_details)):
        for item, all_of_it in zip(mine, others, strict=True):
            log_probs = dict(all_of_it.top)
            assert same_rank(item.rank, all_of_it.log_probability, list(log_probs.values())), (item, all_of_it.rank)
            top = [token for token, _ in item.top]
            assert same_order(top, log_probs), (top, all_of_it.top[: len(top)])


def _with_every_token(runner: ModelRunner, row: DecodeRow) -> DecodeRow:
    """Return the same row with a request for the log-probabilities of the whole vocabulary at each position."""
    options: ReturnOptions = replace(row.parameters.return_options, top_n_tokens=runner.model.module.config.vocab_size)
    return replace(row, parameters=replace(row.parameters, return_options=options))


def _decode_alone(runner: ModelRunner, row: DecodeRow, nudges: Mapping[int, tuple[int, int]]) -> DecodedText:
    """Return the answer of a row alone.

    Args:
        nudges: The token whose logit is raised and the one whose logit is lowered, by position in the answer.
    """
    advance = Choice.advance

    def nudged(self: Choice, logits_BV: torch.Tensor, *arguments: object, **named: object) -> torch.Tensor:
        place = int(self.count_B[0])
        if place in nudges:
            raised, lowered = nudges[place]
            logits_BV[0, raised] += TIE_NATS / 2
            logits_BV[0, lowered] -= TIE_NATS / 2
        return advance(self, logits_BV, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Choice, "advance", nudged)
        return decode_rows(runner, [row])[0]
