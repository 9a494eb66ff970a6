"""Sentence vectors of a base model: the mean of its last states over the tokens of a text.

Shapes: N rows, B rows of a pass, T text tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from foreword.plugin.loaded_model import LoadedModel

_TOKENS_AT_ONCE: Final = 4096
"""Maximum tokens of a forward pass, including padding."""


@torch.no_grad()
def pooled_states(
    model: LoadedModel, inputs: Sequence[Sequence[int]], *, check: Callable[[], None] = lambda: None
) -> Tensor:
    """Return the mean of the last states over each input's tokens, without an adapter; of the encoder if there is one.

    Args:
        inputs: Token ids of each input, at least one.
        check: Called between passes; raises an error to stop.

    Shape:
        Returns `[N, D]`, float32.
    """
    order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
    found: list[Tensor] = []
    for part in _parts(order, inputs):
        check()
        found.append(_pooled(model, [inputs[place] for place in part]))
    pooled_ND = torch.cat(found)
    places_N = torch.tensor(order, device=pooled_ND.device)
    return torch.empty_like(pooled_ND).index_copy_(0, places_N, pooled_ND)


def _parts(order: Sequence[int], inputs: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Split the places of inputs, sorted by length, into parts that fit into one forward pass."""
    part: list[int] = []
    for place in order:
        if part and (len(part) + 1) * len(inputs[place]) > _TOKENS_AT_ONCE:
            yield part
            part = []
        part.append(place)
    yield part


def _pooled(model: LoadedModel, inputs: Sequence[Sequence[int]]) -> Tensor:
    """Return the vectors of the inputs of one pass.

    Shape:
        Returns `[B, D]`, float32.
    """
    ids_BT = torch.zeros(len(inputs), max(map(len, inputs)), dtype=torch.long)
    mask_BT = torch.zeros_like(ids_BT)
    for place, ids in enumerate(inputs):
        ids_BT[place, : len(ids)] = torch.tensor(ids)
        mask_BT[place, : len(ids)] = 1
    ids_BT, mask_BT = ids_BT.to(model.module.device), mask_BT.to(model.module.device)
    network = model.module.base_model if model.spec.is_causal else model.module.get_encoder()
    states_BTD = network(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state.float()
    weights_BT1 = mask_BT[..., None].float()
    pooled_BD: Tensor = (states_BTD * weights_BT1).sum(dim=1) / weights_BT1.sum(dim=1)
    return pooled_BD
