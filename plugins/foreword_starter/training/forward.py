"""The loss of rows with or without a soft prompt in front.

Shapes: B rows, G prompts, P virtual tokens of the longest prompt, T positions, L answer tokens, N answer
tokens of all rows, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from foreword_starter.training.batching import mask, pad, round_up
from foreword_starter.training.starter import START, Starter

_PARTS: Final = 4
"""Number of parts that a batch is split into by length."""
_MIN_ROWS: Final = 8
"""Minimum rows of a part; smaller parts cost more than the padding that they save."""
_ANSWERS_STEP: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptedRow:
    """A row in token ids.

    Attributes:
        prompt: Index of the prompt in front and the number of its vectors; None for no prompt.
    """

    input_ids: Sequence[int]
    answer_ids: Sequence[int]
    prompt: tuple[int, int] | None = None

    @property
    def num_virtual(self) -> int:
        """The number of positions of the prompt."""
        return self.prompt[1] if self.prompt else 0

    @property
    def length(self) -> int:
        """The number of positions in the encoder."""
        return len(self.input_ids) + self.num_virtual


def answer_losses(starter: Starter, rows: Sequence[PromptedRow], prompts_GPD: Tensor | None) -> Tensor:
    """Return the mean loss of each row's answer tokens, in nats.

    Shape:
        Returns `[B]`.
    """
    # Short and long rows in the same batch would be mostly padding.
    order = sorted(range(len(rows)), key=lambda place: (len(rows[place].answer_ids), rows[place].length))
    size = max(_MIN_ROWS, -(-len(rows) // _PARTS))
    parts = [order[first : first + size] for first in range(0, len(order), size)]
    losses_B = torch.cat([_losses(starter, [rows[place] for place in part], prompts_GPD) for part in parts])
    return losses_B[starter.tensor(np.argsort(np.concatenate(parts)))]


def _losses(starter: Starter, rows: Sequence[PromptedRow], prompts_GPD: Tensor | None) -> Tensor:
    """Return the losses of rows of similar length, padded to the longest."""
    embeds_BTD, mask_BT = prompted_embeddings(starter, rows, prompts_GPD)
    memory_BTD = starter.module.model.encoder(inputs_embeds=embeds_BTD, attention_mask=mask_BT).last_hidden_state
    return decoder_losses(starter, rows, memory_BTD, mask_BT)


def decoder_losses(starter: Starter, rows: Sequence[PromptedRow], memory_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Return the mean loss of each row's answer tokens, in nats, given the encoder's states.

    Shape:
        Returns `[B]`.
    """
    model = starter.module.model
    fed_BL, _ = pad([[START, *row.answer_ids[:-1]] for row in rows], starter.device)
    longest = fed_BL.shape[1]
    # Compute indices and owners on the host: finding them with a mask would synchronise the accelerator.
    places = [place * longest + step for place, row in enumerate(rows) for step in range(len(row.answer_ids))]
    owners = [place for place, row in enumerate(rows) for _ in row.answer_ids]
    answers = [token for row in rows for token in row.answer_ids]
    hidden_BLD = model.decoder(
        input_ids=fed_BL, encoder_hidden_states=memory_BTD, encoder_attention_mask=mask_BT, use_cache=False
    ).last_hidden_state
    # Round this number up too, so that shapes repeat.
    places += [0] * (round_up(len(places), _ANSWERS_STEP) - len(places))
    hidden_ND = hidden_BLD.reshape(len(rows) * longest, -1)[starter.tensor(places)]
    logits_NV = functional.linear(hidden_ND, model.shared.weight)[: len(answers)] + starter.module.final_logits_bias[0]
    losses_N = functional.cross_entropy(logits_NV.float(), starter.tensor(answers), reduction="none")
    losses_B = losses_N.new_zeros(len(rows)).index_add(0, starter.tensor(owners), losses_N)
    return losses_B / starter.tensor([len(row.answer_ids) for row in rows])


def prompted_embeddings(
    starter: Starter, rows: Sequence[PromptedRow], prompts_GPD: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return embeddings with each row's prompt directly in front of its tokens, padded on the right.

    Shape:
        Returns `[B, T, D]` and the mask `[B, T]`.
    """
    ids_BT, input_mask_BT = pad([row.input_ids for row in rows], starter.device)
    tokens_BTD = starter.module.get_input_embeddings()(ids_BT)
    if prompts_GPD is None:
        return tokens_BTD, input_mask_BT
    num_positions = round_up(max(row.length for row in rows))
    # One gather from the concatenated prompts and tokens, instead of a copy per row.
    groups, num_virtual, width = prompts_GPD.shape
    source_ND = torch.cat([prompts_GPD.to(tokens_BTD.dtype).reshape(-1, width), tokens_BTD.reshape(-1, width)])
    prompt_B1, length_B1 = np.array([row.prompt or (0, 0) for row in rows])[:, :, None].swapaxes(0, 1)
    place_T = np.arange(num_positions)
    own_BT = np.arange(len(rows))[:, None] * ids_BT.shape[1] + np.minimum(place_T - length_B1, ids_BT.shape[1] - 1)
    index_BT = np.where(place_T < length_B1, prompt_B1 * num_virtual + place_T, groups * num_virtual + own_BT)
    mask_BT = starter.tensor(mask([row.length for row in rows]))
    return source_ND[starter.tensor(index_BT.reshape(-1))].view(len(rows), num_positions, width), mask_BT
