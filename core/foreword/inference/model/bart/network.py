"""BART as a network that rows with different adapters share.

Legend: B rows, T tokens fed at once, K columns seen, S columns of the encoder, D width.
"""

from __future__ import annotations

from torch import Tensor

from foreword.inference.model.bart.passes import BartPasses
from foreword.inference.model.encoder_decoder import EncoderDecoder
from foreword.inference.model.sequences import Sequences
from foreword.network.row_adapters import RowAdapters
from foreword.plugin.interfaces import LoadedModel


class Bart(EncoderDecoder):
    """An encoder-decoder network of BART's shape, such as the embedded model.

    Args:
        pack: Whether to pack weights where that is faster; the model's module can no longer run by itself then.
    """

    def __init__(self, model: LoadedModel, *, pack: bool = False) -> None:
        super().__init__(model)
        self._passes = BartPasses(self.module, pack=pack)

    def run_encoder(self, embeds_BSD: Tensor, mask_B1SS: Tensor | None, rows: RowAdapters) -> Tensor:
        """Return the encoder's states, `[B, S, D]`."""
        return self._passes.encoder(embeds_BSD, mask_B1SS, rows.factors)

    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        states_BSD, rows.encoder_BSD = rows.encoder_BSD, None
        factors, decoder = rows.adapters.factors, self._passes.decoder
        if states_BSD is not None:
            decoder.read(states_BSD, factors, rows.cache.cross_attention_cache)
        assert rows.source_mask_B11S is not None
        hidden_BTD = decoder(ids_BT, positions_BT, mask_B1TK, rows.source_mask_B11S, factors, rows.cache)
        return self._passes.logits(hidden_BTD[:, -keep:])
