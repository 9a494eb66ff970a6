"""Rows as token ids, their batches, and the order of the batches."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan
from foreword.domain.prompt import compose_to_fit
from foreword.domain.templates import apply_verbalizer
from foreword.plugin.chat import chat_frame
from foreword.plugin.encoding import encode_input, encode_target
from foreword.plugin.interfaces import EncodedRow, LoadedModel, Task

POOL_BATCHES: Final = 4
"""Batches whose rows are sorted by length together. Padding stays low, and rows still get new neighbours each epoch."""


def batch_order(rows: Sequence[EncodedRow], *, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the batches of one epoch as indices into `rows`: shuffled, with rows of similar length together.

    The order depends only on the arguments, so that a resumed run continues where it stopped.
    """
    generator = random.Random(f"epoch/{seed}/{epoch}")  # noqa: S311 - no secret
    order = generator.sample(range(len(rows)), len(rows))
    pool_size = batch_size * POOL_BATCHES
    batches: list[list[int]] = []
    for start in range(0, len(order), pool_size):
        # Sorted by input only: rows with answers of one length often have the same answer, and a batch should mix them.
        pool = sorted(order[start : start + pool_size], key=lambda place: len(rows[place].input_ids))
        batches += [pool[first : first + batch_size] for first in range(0, len(pool), batch_size)]
    generator.shuffle(batches)
    return batches


def length_order(rows: Sequence[EncodedRow], *, batch_size: int) -> list[list[int]]:
    """Return all rows in batches of similar length, longest first so that a lack of memory shows at once."""
    order = sorted(range(len(rows)), key=lambda place: -rows[place].length)
    return [order[first : first + batch_size] for first in range(0, len(order), batch_size)]


def encode_rows(
    rows: Sequence[Row],
    *,
    model: LoadedModel,
    task: Task,
    plan: TunePlan,
    verbalizer: str,
    check: Callable[[], None] = lambda: None,
) -> list[EncodedRow]:
    """Encode rows as token ids, inputs with their template and answers in canonical form, within the plan's limits.

    An input that is too long loses its end and keeps the template, as it does in evaluation.

    Args:
        check: Called between rows; raises an error to stop.
    """
    limits, tokenizer = plan.parameters, model.tokenizer
    encode = partial(encode_input, tokenizer, frame=chat_frame(tokenizer, model.spec))
    compose = partial(apply_verbalizer, verbalizer)

    def input_ids(text: str) -> list[int]:
        fitting = compose_to_fit(
            text, limits.max_input_tokens, compose=compose, count_tokens=lambda whole: len(encode(whole))
        )
        return encode(fitting, limits.max_input_tokens)

    encoded: list[EncodedRow] = []
    for row in rows:
        check()
        target_ids = encode_target(model, task.target(row.output, plan.schema), limits.max_output_tokens)
        encoded.append(EncodedRow(input_ids=tuple(input_ids(row.input)), target_ids=tuple(target_ids)))
    return encoded
