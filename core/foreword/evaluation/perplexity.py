"""Loss and perplexity of a model on the right answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import torch

from foreword.inference.runner import ModelRunner
from foreword.network.answer_loss import AnswerLoss
from foreword.network.pass_budget import PassBudget
from foreword.network.pass_memory import AdapterSize
from foreword.plugin.contributions import Contribution
from foreword.plugin.encoding import encode_target
from foreword.plugin.interfaces import EncodedRow, LoadedModel
from foreword.tuning.batches import length_order

_BATCH_ROWS: Final = 16
_MOST_NATS: Final = 20.0
"""Cap of the mean loss: larger values mean nothing more, and their exponential would overflow."""


@torch.inference_mode()
def answer_nats(
    model: LoadedModel,
    rows: Sequence[EncodedRow],
    contributions: Sequence[Contribution],
    *,
    check: Callable[[], None],
) -> list[float]:
    """Return the loss of each row's answer in nats, summed over its tokens.

    Args:
        check: Called between batches; raises an error to stop.
    """
    loss, nats = AnswerLoss(model), [0.0] * len(rows)
    budget, size = PassBudget(model), AdapterSize.of(contributions)
    for batch in length_order(rows, batch_size=_BATCH_ROWS):
        found: list[float] = []
        batch_rows, adapter_of_row = [rows[place] for place in batch], [0] * len(batch)
        for part in budget.parts(batch_rows, [size], adapter_of_row, with_gradients=False):
            check()
            found += loss.nats(batch_rows[part], [contributions], adapter_of_row[part]).tolist()
        for place, value in zip(batch, found, strict=True):
            nats[place] = value
    return nats


def perplexity(
    runner: ModelRunner,
    texts: Sequence[str],
    targets: Sequence[str],
    contributions: Sequence[Contribution],
    *,
    max_target_tokens: int,
    check: Callable[[], None],
) -> float:
    """Return the exponential of the mean loss per answer token, including the end token; 1 is the best value.

    Args:
        texts: The requests.
        targets: The right answers.
        max_target_tokens: Maximum length of answers in tokens, as in tuning.
        check: Called between batches; raises an error to stop.
    """
    rows = encode_answers(runner, texts, targets, max_target_tokens)
    nats = answer_nats(runner.model, rows, contributions, check=check)
    return perplexity_of(sum(nats), sum(len(row.target_ids) for row in rows))


def perplexity_of(nats: float, tokens: float) -> float:
    """Return the exponential of the mean loss per token; capped, because larger values mean nothing more."""
    return math.exp(min(nats / tokens, _MOST_NATS))


def encode_answers(
    runner: ModelRunner, texts: Sequence[str], targets: Sequence[str], max_target_tokens: int
) -> list[EncodedRow]:
    """Return requests and their right answers as tokens, the answers cut to a length."""
    return [
        EncodedRow(
            input_ids=tuple(runner.tokenize(text)),
            target_ids=tuple(encode_target(runner.model, target, max_target_tokens)),
        )
        for text, target in zip(texts, targets, strict=True)
    ]
