"""Llama, GPT-2 and other networks that continue their input.

Legend: B rows, P virtual tokens, T tokens fed at once, H heads, K columns seen, V vocabulary, d width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from foreword.inference.model import kv_cache
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.network import Network, NetworkInput
from foreword.inference.model.row_scales import RowScales
from foreword.inference.model.sequences import Sequences, additive


class Causal(Network):
    """A causal network. The soft prompt is in front of the text; its states are computed once and kept."""

    can_branch = True

    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Put the prompts' states in place; the texts, padded on the left, are fed first."""
        num_rows, num_tokens = len(inputs), max(len(item.ids) for item in inputs)
        ids_BT = torch.zeros(num_rows, num_tokens, dtype=torch.long)
        for row, item in enumerate(inputs):
            ids_BT[row, num_tokens - len(item.ids) :] = torch.tensor(item.ids, dtype=torch.long)
        text_lengths_B = torch.tensor([len(item.ids) for item in inputs])
        valid_BT = torch.arange(num_tokens) >= num_tokens - text_lengths_B[:, None]
        prompts = [item.adapter.length if item.adapter else 0 for item in inputs]
        columns = max(prompts)
        seen_BK = torch.arange(columns) >= columns - torch.tensor(prompts)[:, None]
        rows = Sequences(
            scales=RowScales([item.adapter for item in inputs]),
            cache=self._prompt_cache(inputs, columns),
            seen_BK=seen_BK.to(self.device),
            length_B=torch.tensor(prompts, device=self.device),
        )
        return rows, ids_BT.to(self.device), valid_BT.to(self.device)

    def adapter_bytes(self, adapter: LoadedAdapter) -> int:
        """Return the bytes of the adapter and of its prompt's states in every layer."""
        config = self.module.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        states = 2 * config.num_hidden_layers * heads * width
        return super().adapter_bytes(adapter) + adapter.length * int(states) * self.dtype.itemsize

    def _prompt_cache(self, inputs: Sequence[NetworkInput], columns: int) -> Cache:
        """Return the keys and values of all rows' prompts, padded on the left."""
        if not columns:
            return kv_cache.new_cache()
        states = [self._states(item.adapter) if item.adapter and item.adapter.length else None for item in inputs]
        present = next(item for item in states if item is not None)
        layers = []
        for number, (keys, _) in enumerate(present):
            empty = keys[:, :, :0]
            parts = [(empty, empty) if item is None else item[number] for item in states]
            layers.append(
                (
                    torch.cat([kv_cache.pad(part[0], columns, left=True) for part in parts]),
                    torch.cat([kv_cache.pad(part[1], columns, left=True) for part in parts]),
                )
            )
        return kv_cache.filled_cache(layers)

    def _states(self, adapter: LoadedAdapter) -> list[tuple[Tensor, Tensor]]:
        """Return the keys and values of an adapter's prompt by layer, `[1, H, P, d]` each."""
        if adapter.key_values is None:
            cache = kv_cache.new_cache()
            positions_1P = torch.arange(adapter.length, device=self.device)[None]
            seen_PP = torch.ones(adapter.length, adapter.length, dtype=torch.bool, device=self.device).tril()
            with self._scaling.applied(adapter.factors_W):
                self.module(
                    inputs_embeds=adapter.vectors_PD[None],
                    attention_mask=additive(seen_PP, self.dtype)[None, None],
                    position_ids=positions_1P,
                    past_key_values=cache,
                    use_cache=True,
                    logits_to_keep=1,
                )
            adapter.key_values = [(layer.keys.clone(), layer.values.clone()) for layer in kv_cache.layers_of(cache)]
        return adapter.key_values

    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        with self._scaling.applied(rows.scales.factors):
            output = self.module(
                input_ids=ids_BT,
                attention_mask=mask_B1TK,
                position_ids=positions_BT,
                past_key_values=rows.cache,
                use_cache=True,
                logits_to_keep=keep,
            )
        logits: Tensor = output.logits
        return logits
