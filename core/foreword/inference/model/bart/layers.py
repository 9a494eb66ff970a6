"""The layers of BART as functions of tensors.

Legend: B rows, T tokens, K columns seen, S columns of the encoder, H heads, d width of a head, D width, W columns of a
projection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.cache_utils import Cache
from transformers.models.bart.modeling_bart import BartAttention, BartDecoderLayer, BartEncoderLayer

from foreword.inference.model.bart.frozen_linear import FrozenLinear

Factors = Mapping[str, Tensor]
"""Factors of activations by path of the projection: `[W]`, or `[B, 1, W]`."""


class SelfAttention:
    """Self-attention, its query, key and value as one product.

    Args:
        path: Path of the module in the network.
    """

    def __init__(self, module: BartAttention, path: str, *, pack: bool) -> None:
        self._inputs = FrozenLinear([module.q_proj, module.k_proj, module.v_proj], pack=pack)
        self._output = FrozenLinear([module.out_proj], pack=pack)
        self._paths = tuple(f"{path}.{name}" for name in ("q_proj", "k_proj", "v_proj"))
        self._heads = module.num_heads

    def __call__(
        self, x_BTD: Tensor, mask: Tensor | None, factors: Factors, cache: Cache | None = None, layer: int = 0
    ) -> Tensor:
        """Attend to the tokens themselves and, with a cache, to those in front of them.

        Args:
            mask: Added to scores; of a shape that expands to `[B, H, T, K]`. None hides nothing.
            cache: Receives the new keys and values.
            layer: Number of the layer in the cache.
        """
        parts = self._inputs(x_BTD).chunk(3, dim=-1)
        query, key, value = (
            split_heads(scaled(part, factors, path), self._heads) for part, path in zip(parts, self._paths, strict=True)
        )
        if cache is not None:
            key, value = cache.update(key, value, layer)
        return self._output(attend(query, key, value, mask))


class CrossAttention:
    """Attention of the decoder to what the encoder has read. `BartPasses` computes its keys and values."""

    def __init__(self, module: BartAttention, path: str, *, pack: bool) -> None:
        self._query = FrozenLinear([module.q_proj], pack=pack)
        self._output = FrozenLinear([module.out_proj], pack=pack)
        self._path = f"{path}.q_proj"
        self._heads = module.num_heads

    def __call__(
        self, x_BTD: Tensor, key_BHSd: Tensor, value_BHSd: Tensor, mask_B11S: Tensor | None, factors: Factors
    ) -> Tensor:
        """Attend to the columns of the encoder."""
        query = split_heads(scaled(self._query(x_BTD), factors, self._path), self._heads)
        return self._output(attend(query, key_BHSd, value_BHSd, mask_B11S))


class FeedForward:
    """The two linear layers behind attention."""

    def __init__(self, layer: BartEncoderLayer | BartDecoderLayer, path: str, *, pack: bool) -> None:
        self._first, self._second = FrozenLinear([layer.fc1], pack=pack), FrozenLinear([layer.fc2], pack=pack)
        self._activation: Callable[[Tensor], Tensor] = layer.activation_fn
        self._path = f"{path}.fc2"

    def __call__(self, x_BTD: Tensor, factors: Factors) -> Tensor:
        """Return the output of the second layer."""
        return self._second(scaled(self._activation(self._first(x_BTD)), factors, self._path))


def normalized(x_BTD: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Return what a module for layer normalisation returns, without its wrapper."""
    return torch.layer_norm(x_BTD, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def scaled(x_BTW: Tensor, factors: Factors, path: str) -> Tensor:
    """Multiply activations by the factors of a projection, in the precision of the factors, if there are any."""
    factor = factors.get(path)
    return x_BTW if factor is None else (x_BTW * factor).to(x_BTW.dtype)


def split_heads(x_BTD: Tensor, heads: int) -> Tensor:
    """Return columns by head, `[B, H, T, d]`."""
    return x_BTD.view(*x_BTD.shape[:-1], heads, -1).transpose(1, 2)


def attend(query_BHTd: Tensor, key_BHKd: Tensor, value_BHKd: Tensor, mask: Tensor | None) -> Tensor:
    """Return the attention of all heads, side by side, `[B, T, D]`."""
    found_BHTd = functional.scaled_dot_product_attention(query_BHTd, key_BHKd, value_BHKd, attn_mask=mask)
    return found_BHTd.transpose(1, 2).flatten(2)
