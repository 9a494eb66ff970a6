"""How surprised a model is by the right answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import torch

from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Contribution
from foreword.plugin.encoding import encode_target
from foreword.plugin.interfaces import EncodedRow
from foreword.tuning.batches import collate, length_order, parts_of
from foreword.tuning.forward import answer_loss

_BATCH_ROWS: Final = 16
_MOST_NATS: Final = 20.0
"""A larger mean loss says nothing more, and its exponential would soon be no number."""


@torch.inference_mode()
def perplexity(
    runner: ModelRunner,
    texts: Sequence[str],
    targets: Sequence[str],
    contributions: Sequence[Contribution],
    *,
    max_target_tokens: int,
    check: Callable[[], None],
) -> float:
    """The exponential of the mean loss per answer token, the closing one included; 1 is certain.

    Args:
        texts: Requests, as they are asked.
        targets: The right answers.
        max_target_tokens: Answers are cut here, as in tuning.
        check: Called between batches; raises to stop.
    """
    loss, device = answer_loss(runner.model), runner.model.module.device
    rows = [
        EncodedRow(
            input_ids=tuple(runner.tokenize(text)),
            target_ids=tuple(encode_target(runner.model, target, max_target_tokens)),
        )
        for text, target in zip(texts, targets, strict=True)
    ]
    nats = 0.0
    for batch in length_order(rows, batch_size=_BATCH_ROWS):
        for part in parts_of([rows[place] for place in batch]):
            check()
            nats += float(loss(collate(part, device=device), contributions))
    mean = nats / sum(len(row.target_ids) for row in rows)
    return math.exp(min(mean, _MOST_NATS))
