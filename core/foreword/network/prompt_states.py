"""Keys and values of the prompts of causal models.

Under a causal mask a prompt's states do not depend on the text. So they are computed once for all rows of the prompt:
B * T + P tokens of work instead of B * (T + P).

Legend: A adapters, B rows, P virtual tokens, D width, H heads, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from foreword.network.adapted_model import AdaptedModel
from foreword.network.adapter import Adapter
from foreword.network.padding import additive, pad_states, valid_columns
from foreword.network.row_adapters import RowAdapters

Layers = Sequence[tuple[Tensor, Tensor]]
"""Keys and values by layer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PromptStates:
    """The states of the prompts of several adapters, padded on the left.

    Attributes:
        layers_AHPd: Keys and values by layer.
    """

    layers_AHPd: Layers

    @property
    def length(self) -> int:
        """The number of columns."""
        return int(self.layers_AHPd[0][0].shape[-2])

    @classmethod
    def joined(cls, parts: Sequence[PromptStates]) -> PromptStates:
        """Return the adapters of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        length = max(part.length for part in parts)

        def join(number: int, which: int) -> Tensor:
            return torch.cat([pad_states(part.layers_AHPd[number][which], length, left=True) for part in parts])

        return cls(layers_AHPd=[(join(number, 0), join(number, 1)) for number in range(len(parts[0].layers_AHPd))])

    def of_rows(self, adapter_of_row: Sequence[int | None]) -> Layers:
        """Return the keys and values of each row's prompt; zeros for rows without one.

        Args:
            adapter_of_row: The place of each row's adapter.

        Shape:
            Returns `[B, H, P, d]` each.
        """
        first, _ = self.layers_AHPd[0]
        if first.shape[0] == 1 and None not in adapter_of_row:
            # No copy; autograd sums over the rows.
            return [(keys.expand(len(adapter_of_row), -1, -1, -1), values.expand(len(adapter_of_row), -1, -1, -1))
                    for keys, values in self.layers_AHPd]  # fmt: skip
        having = [row for row, adapter in enumerate(adapter_of_row) if adapter is not None]
        rows_N = torch.tensor(having, device=first.device)
        adapters_N = torch.tensor([adapter_of_row[row] for row in having], device=first.device)

        def gather(states_AHPd: Tensor) -> Tensor:
            gathered = states_AHPd.index_select(0, adapters_N)
            if len(having) == len(adapter_of_row):
                return gathered
            # Not those of another adapter, masked: one that is not finite would reach these rows through the mask.
            nothing = gathered.new_zeros(len(adapter_of_row), *gathered.shape[1:])
            return nothing.index_copy(0, rows_N, gathered)

        return [(gather(keys), gather(values)) for keys, values in self.layers_AHPd]


def prompt_states(base: AdaptedModel, adapters: Sequence[Adapter]) -> PromptStates | None:
    """Run only the prompts through the model, all adapters in one pass.

    Args:
        adapters: Each has a prompt.

    Returns:
        None if a layer stores something other than all keys and values (sliding windows, states), because such a
        prefix cannot be shared exactly.
    """
    cache = DynamicCache(config=base.module.config)
    if any(type(layer) is not DynamicLayer for layer in cache.layers):
        return None
    lengths = [adapter.length for adapter in adapters]
    num_columns = max(lengths)
    vectors_APD = torch.stack(
        [functional.pad(adapter.vectors_PD, (0, 0, num_columns - adapter.length, 0)) for adapter in adapters]
    )
    placed = {} if len(set(lengths)) == 1 else _placed(base, lengths)
    with base.adapted(RowAdapters(adapters)):
        base.module.base_model(inputs_embeds=vectors_APD, past_key_values=cache, use_cache=True, **placed)
    return PromptStates(layers_AHPd=[_states_of(layer) for layer in cache.layers])


def filled_cache(base: AdaptedModel, layers_BHPd: Layers) -> DynamicCache:
    """Return a cache that begins with these keys and values, without copying them."""
    cache = DynamicCache(config=base.module.config)
    for layer, (keys, values) in zip(cache.layers, layers_BHPd, strict=True):
        assert isinstance(layer, DynamicLayer)
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
    return cache


def _placed(base: AdaptedModel, lengths: Sequence[int]) -> dict[str, Tensor]:
    """Return the mask and the positions of prompts of different lengths."""
    valid_AP = valid_columns(lengths, device=base.device, left=True)
    num_columns = valid_AP.shape[1]
    causal_PP = torch.ones(num_columns, num_columns, dtype=torch.bool, device=base.device).tril()
    return {
        "attention_mask": additive(causal_PP & valid_AP[:, None], base.dtype)[:, None],
        "position_ids": (valid_AP.cumsum(dim=1) - 1).clamp(min=0),
    }


def _states_of(layer: object) -> tuple[Tensor, Tensor]:
    """Return the keys and values of one layer."""
    assert isinstance(layer, DynamicLayer)
    assert layer.keys is not None
    assert layer.values is not None
    return layer.keys, layer.values
