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
from foreword.inference.model.network import Network, NetworkInput
from foreword.inference.model.row_scales import RowScales
from foreword.inference.model.sequences import Sequences, additive
from foreword.plugin.encoding import start_token
from foreword.plugin.interfaces import LoadedModel


class EncoderDecoder(Network):
    """An encoder-decoder network. The soft prompt is in front of the encoder's input."""

    def __init__(self, model: LoadedModel) -> None:
        super().__init__(model)
        self._encoder = self.module.get_encoder()
        self._positions = _learned_positions(self.module.get_decoder())
        # Relative positions (T5) are counted in columns of the storage, where a tree has no sense of depth.
        self.can_branch = self._positions is not None

    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Run the encoder, rows padded on the right."""
        prompt_lengths = [item.adapter.length if item.adapter else 0 for item in inputs]
        lengths = [prompt + len(item.ids) for prompt, item in zip(prompt_lengths, inputs, strict=True)]
        columns = max(lengths)
        ids_BS = torch.zeros(len(inputs), columns, dtype=torch.long)
        for row, (prompt, item) in enumerate(zip(prompt_lengths, inputs, strict=True)):
            ids_BS[row, prompt : lengths[row]] = torch.tensor(item.ids, dtype=torch.long)
        source_BS = torch.arange(columns) < torch.tensor(lengths)[:, None]
        embeds_BSD = self._embed(ids_BS.to(self.device))
        for row, item in enumerate(inputs):
            if item.adapter:
                embeds_BSD[row, : item.adapter.length] = item.adapter.vectors_PD
        scales = RowScales([item.adapter for item in inputs])
        source_BS = source_BS.to(self.device)
        source_mask_B11S = additive(source_BS, self.dtype)[:, None, None]
        mask_B1SS = None if len(set(lengths)) == 1 else source_mask_B11S.expand(-1, -1, columns, -1)
        with self._scaling.applied(scales.factors, stream=Stream.ENCODER):
            encoder_BSD = self._encoder(inputs_embeds=embeds_BSD, attention_mask=mask_B1SS).last_hidden_state
        rows = Sequences(
            scales=scales,
            cache=EncoderDecoderCache(kv_cache.new_cache(), kv_cache.new_cache()),
            seen_BK=torch.zeros(len(inputs), 0, dtype=torch.bool, device=self.device),
            length_B=torch.zeros(len(inputs), dtype=torch.long, device=self.device),
            source_BS=source_BS,
            source_mask_B11S=source_mask_B11S,
            encoder_BSD=encoder_BSD,
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
        with placed, self._scaling.applied(rows.scales.factors, stream=Stream.DECODER):
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
