"""BART, T5 and other networks whose encoder reads the input and whose decoder writes the answer.

Legend: B rows, T tokens fed at once, S columns of the encoder, K columns seen, D width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from foreword.domain.site import Stream
from foreword.inference.model import kv_cache
from foreword.inference.model.decoding_network import DecodingNetwork, NetworkInput
from foreword.inference.model.sequences import Sequences
from foreword.network.encoder import encode
from foreword.network.row_adapters import RowAdapters
from foreword.plugin.encoding import start_token
from foreword.plugin.interfaces import LoadedModel


class EncoderDecoder(DecodingNetwork):
    """An encoder-decoder network. The soft prompt is in front of the encoder's input."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self._positions = _learned_positions(self.module.get_decoder())
        # Relative positions (T5) are counted in columns of the storage, where a tree has no sense of depth.
        self.can_branch = self._positions is not None

    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Run the encoder, rows padded on the right."""
        adapters = RowAdapters([item.adapter for item in inputs])
        encoded = encode(self, [item.ids for item in inputs], adapters)
        rows = Sequences(
            adapters=adapters,
            cache=EncoderDecoderCache(kv_cache.new_cache(), kv_cache.new_cache()),
            seen_BK=torch.zeros(len(inputs), 0, dtype=torch.bool, device=self.device),
            length_B=torch.zeros(len(inputs), dtype=torch.long, device=self.device),
            source_BS=encoded.valid_BS,
            source_mask_B11S=encoded.mask_B11S,
            encoder_BSD=encoded.states_BSD,
        )
        start_B1 = torch.full((len(inputs), 1), start_token(self.model), device=self.device)
        return rows, start_B1, torch.ones_like(start_B1, dtype=torch.bool)

    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        encoder_BSD, rows.encoder_BSD = rows.encoder_BSD, None
        if encoder_BSD is None:
            # Only its shape is looked at once the cross-attention has its keys and values.
            assert rows.source_BS is not None
            size = (*rows.source_BS.shape, self.model.spec.hidden_size)
            encoder_BSD = torch.zeros((), dtype=self.dtype, device=self.device).expand(size)
        placed: AbstractContextManager[None] = (
            nullcontext() if self._positions is None else _positions_per_row(self._positions, positions_BT)
        )
        with placed, self.adapted(rows.adapters, stream=Stream.DECODER):
            output = self.module(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoder_BSD),
                attention_mask=rows.source_mask_B11S,
                decoder_input_ids=ids_BT,
                decoder_attention_mask=mask_B1TK,
                past_key_values=rows.cache,
                use_cache=True,
            )
        logits: Tensor = output.logits[:, -keep:]
        return logits


def _learned_positions(decoder: nn.Module) -> nn.Module | None:
    """Return the decoder's position table for models that count positions in columns (BART); None for others."""
    found = getattr(decoder, "embed_positions", None)
    return found if isinstance(found, nn.Module) else None


@contextmanager
def _positions_per_row(table: nn.Module, positions_BT: Tensor) -> Iterator[None]:
    """Make a decoder look up these positions in its table instead of those of the storage's columns.

    BART's decoder accepts no position ids. The hooks exist for one pass, so the model stays unchanged.
    """

    def replace(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "position_ids": positions_BT}

    def reshape(_: nn.Module, __: tuple[Any, ...], output: Tensor) -> Tensor:
        return output.reshape(*positions_BT.shape, -1)

    before = table.register_forward_pre_hook(replace, with_kwargs=True)
    after = table.register_forward_hook(reshape)
    try:
        yield
    finally:
        before.remove()
        after.remove()
