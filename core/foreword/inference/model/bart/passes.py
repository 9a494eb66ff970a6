"""The passes of a BART network, encoder and decoder.

The modules of transformers cost about as much as the products of a short text: three products where one suffices, masks
that are built anew, hooks and wrappers around each layer. The numbers are the same up to rounding.

Legend: B rows, T tokens fed at once, K columns seen, S columns of the encoder, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional
from transformers.cache_utils import Cache, EncoderDecoderCache
from transformers.models.bart.modeling_bart import (
    BartDecoder,
    BartDecoderLayer,
    BartEncoder,
    BartEncoderLayer,
    BartForConditionalGeneration,
)

from foreword.inference.model.bart.frozen_linear import FrozenLinear
from foreword.inference.model.bart.layers import (
    CrossAttention,
    Factors,
    FeedForward,
    SelfAttention,
    normalized,
    scaled,
    split_heads,
)


class BartPasses:
    """The passes of a frozen BART network.

    Args:
        module: In eval mode. It stays usable unless its weights are packed.
        pack: Whether to pack weights; see `FrozenLinear`.
    """

    def __init__(self, module: BartForConditionalGeneration, *, pack: bool = False) -> None:
        self.encoder = _Encoder(module.model.encoder, "model.encoder", pack=pack)
        self.decoder = _Decoder(module.model.decoder, "model.decoder", pack=pack)
        # The token embeddings are this weight as well.
        self._head = FrozenLinear([module.lm_head], pack=pack, keep=True)
        bias = module.final_logits_bias
        self._bias_1V = bias if bool(bias.any()) else None

    @staticmethod
    def supports(module: Any) -> bool:
        """Return whether these are the passes of a module: other families order the same layers differently."""
        # In float16 transformers clamps what overflows.
        return type(module) is BartForConditionalGeneration and module.dtype in (torch.float32, torch.bfloat16)

    def logits(self, hidden_BTD: Tensor) -> Tensor:
        """Return the logits after these states, `[B, T, V]`."""
        logits_BTV = self._head(hidden_BTD)
        return logits_BTV if self._bias_1V is None else logits_BTV + self._bias_1V


class _Encoder:
    def __init__(self, module: BartEncoder, path: str, *, pack: bool) -> None:
        self._layers = [
            _EncoderLayer(cast("BartEncoderLayer", layer), f"{path}.layers.{number}", pack=pack)
            for number, layer in enumerate(module.layers)
        ]
        self._positions, self._norm = module.embed_positions, module.layernorm_embedding

    def __call__(self, embeds_BSD: Tensor, mask: Tensor | None, factors: Factors) -> Tensor:
        """Return the encoder's states of embedded inputs, `[B, S, D]`.

        Args:
            mask: Added to scores; of a shape that expands to `[B, 1, S, S]`. None hides nothing.
        """
        offset = self._positions.offset
        positions_SD = self._positions.weight[offset : offset + embeds_BSD.shape[1]]
        hidden_BSD = normalized(embeds_BSD + positions_SD, self._norm)
        for layer in self._layers:
            hidden_BSD = layer(hidden_BSD, mask, factors)
        return hidden_BSD


class _EncoderLayer:
    def __init__(self, module: BartEncoderLayer, path: str, *, pack: bool) -> None:
        self._attention = SelfAttention(module.self_attn, f"{path}.self_attn", pack=pack)
        self._attention_norm = module.self_attn_layer_norm
        self._feed_forward = FeedForward(module, path, pack=pack)
        self._final_norm = module.final_layer_norm

    def __call__(self, hidden_BSD: Tensor, mask: Tensor | None, factors: Factors) -> Tensor:
        hidden_BSD = normalized(self._attention(hidden_BSD, mask, factors).add_(hidden_BSD), self._attention_norm)
        return normalized(self._feed_forward(hidden_BSD, factors).add_(hidden_BSD), self._final_norm)


class _Decoder:
    def __init__(self, module: BartDecoder, path: str, *, pack: bool) -> None:
        layers = [cast("BartDecoderLayer", layer) for layer in module.layers]
        paths = [f"{path}.layers.{number}" for number in range(len(layers))]
        self._layers = [_DecoderLayer(layer, name, pack=pack) for layer, name in zip(layers, paths, strict=True)]
        sources = [layer.encoder_attn for layer in layers]
        # Keys and values of all layers as one product.
        self._source = FrozenLinear(
            [projection for source in sources for projection in (source.k_proj, source.v_proj)], pack=pack
        )
        self._source_paths = [f"{name}.encoder_attn.{kind}" for name in paths for kind in ("k_proj", "v_proj")]
        self._heads = sources[0].num_heads
        self._embed, self._positions = module.embed_tokens, module.embed_positions
        self._norm = module.layernorm_embedding

    def read(self, states_BSD: Tensor, factors: Factors, cache: Cache) -> None:
        """Put the keys and values of what the encoder has read into an empty cache."""
        parts = self._source(states_BSD).chunk(len(self._source_paths), dim=-1)
        heads = [
            split_heads(scaled(part, factors, path), self._heads)
            for part, path in zip(parts, self._source_paths, strict=True)
        ]
        for layer, (key_BHSd, value_BHSd) in enumerate(zip(heads[::2], heads[1::2], strict=True)):
            cache.update(key_BHSd, value_BHSd, layer)

    def __call__(
        self,
        ids_BT: Tensor,
        positions_BT: Tensor,
        mask_B1TK: Tensor,
        source_mask_B11S: Tensor,
        factors: Factors,
        cache: EncoderDecoderCache,
    ) -> Tensor:
        """Return the decoder's states of tokens, `[B, T, D]`; their keys and values are added to the cache."""
        positions_BTD = functional.embedding(positions_BT + self._positions.offset, self._positions.weight)
        hidden_BTD = normalized(self._embed(ids_BT) + positions_BTD, self._norm)
        for number, layer in enumerate(self._layers):
            hidden_BTD = layer(hidden_BTD, mask_B1TK, source_mask_B11S, factors, cache, number)
        return hidden_BTD


class _DecoderLayer:
    def __init__(self, module: BartDecoderLayer, path: str, *, pack: bool) -> None:
        self._attention = SelfAttention(module.self_attn, f"{path}.self_attn", pack=pack)
        self._attention_norm = module.self_attn_layer_norm
        self._cross = CrossAttention(module.encoder_attn, f"{path}.encoder_attn", pack=pack)
        self._cross_norm = module.encoder_attn_layer_norm
        self._feed_forward = FeedForward(module, path, pack=pack)
        self._final_norm = module.final_layer_norm

    def __call__(
        self,
        hidden_BTD: Tensor,
        mask_B1TK: Tensor,
        source_mask_B11S: Tensor,
        factors: Factors,
        cache: EncoderDecoderCache,
        number: int,
    ) -> Tensor:
        attended = self._attention(hidden_BTD, mask_B1TK, factors, cache.self_attention_cache, number)
        hidden_BTD = normalized(attended.add_(hidden_BTD), self._attention_norm)
        source: Any = cache.cross_attention_cache.layers[number]
        crossed = self._cross(hidden_BTD, source.keys, source.values, source_mask_B11S, factors)
        hidden_BTD = normalized(crossed.add_(hidden_BTD), self._cross_norm)
        return normalized(self._feed_forward(hidden_BTD, factors).add_(hidden_BTD), self._final_norm)
