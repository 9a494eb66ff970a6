"""Llama, GPT-2 and other networks that continue their input.

Legend: B rows, T tokens fed at once, K columns seen, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from foreword.inference.model import kv_cache
from foreword.inference.model.decoding_network import DecodingNetwork, NetworkInput
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.sequences import Sequences
from foreword.network.adapter import Adapter
from foreword.network.padding import padded, valid_columns
from foreword.network.prompt_states import PromptStates, prompt_states
from foreword.network.row_adapters import RowAdapters


class Causal(DecodingNetwork):
    """A causal network. The soft prompt is in front of the text; its states are computed once and kept."""

    can_branch = True

    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Put the prompts' states in place; the texts, padded on the left, are fed first."""
        ids_BT, valid_BT = padded([item.ids for item in inputs], device=self.device, left=True)
        adapters = RowAdapters([item.adapter for item in inputs])
        prompts = adapters.prompt_lengths
        rows = Sequences(
            adapters=adapters,
            cache=self._prompt_cache(adapters),
            seen_BK=valid_columns(prompts, device=self.device, left=True),
            length_B=torch.tensor(prompts, device=self.device),
        )
        return rows, ids_BT, valid_BT

    def adapter_bytes(self, adapter: LoadedAdapter) -> int:
        """Return the bytes of the adapter and of its prompt's states in every layer."""
        config = self.module.config
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        states = 2 * config.num_hidden_layers * heads * width
        return super().adapter_bytes(adapter) + adapter.length * int(states) * self.dtype.itemsize

    def _prompt_cache(self, rows: RowAdapters) -> Cache:
        """Return the keys and values of all rows' prompts, padded on the left."""
        prompts, prompt_of_row = rows.prompted
        if not prompts:
            return kv_cache.new_cache()
        states = PromptStates.joined([self._states(adapter) for adapter in prompts])
        return kv_cache.filled_cache(states.of_rows(prompt_of_row))

    def _states(self, adapter: Adapter) -> PromptStates:
        """Return the states of an adapter's prompt, which are computed once."""
        assert isinstance(adapter, LoadedAdapter)
        if adapter.states is None:
            adapter.states = prompt_states(self, [adapter])
        assert adapter.states is not None, "layers that cannot share a prompt are refused when the model is loaded"
        return adapter.states

    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        with self.adapted(rows.adapters):
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
