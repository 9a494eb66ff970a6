"""Rows in flight: their keys and values, their positions and their factors, as rows come and go.

Legend: B rows, T tokens fed at once, S columns of the encoder, K columns seen, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers.cache_utils import EncoderDecoderCache

from foreword.inference.model import kv_cache
from foreword.network.padding import additive
from foreword.network.row_adapters import RowAdapters


@dataclass(eq=False, slots=True, kw_only=True)
class Sequences:
    """The rows in flight.

    Attributes:
        adapters: What acts on the rows while they are fed.
        cache: Keys and values; of decoder and encoder both for encoder-decoder models.
        seen_BK: Which columns hold a token of the row.
        length_B: Tokens in front of the next one, the prompt included where it counts.
        source_BS: Which columns of the encoder hold a token of the row; None for causal models.
        encoder_BSD: Encoder output until the decoder's first pass has turned it into keys and values.
    """

    adapters: RowAdapters
    cache: Any
    seen_BK: Tensor
    length_B: Tensor
    source_BS: Tensor | None = None
    source_mask_B11S: Tensor | None = None
    encoder_BSD: Tensor | None = None

    def select(self, rows_B: Tensor) -> None:
        """Keep these rows, in this order, and drop columns that none of them uses."""
        self.adapters = self.adapters.picked(rows_B)
        self.seen_BK = self.seen_BK[rows_B]
        first = _leading_unused(self.seen_BK)
        self.seen_BK = self.seen_BK[:, first:]
        self.length_B = self.length_B[rows_B]
        if self.source_BS is None:
            kv_cache.select(self.cache, rows_B, first)
            return
        kv_cache.select(self.cache.self_attention_cache, rows_B, first)
        self.source_BS = self.source_BS[rows_B]
        last = self.source_BS.shape[1] - _leading_unused(self.source_BS.flip(1))
        self.source_BS = self.source_BS[:, :last]
        kv_cache.select(self.cache.cross_attention_cache, rows_B, 0, last)
        assert self.source_mask_B11S is not None
        self.source_mask_B11S = self.source_mask_B11S[rows_B, :, :, :last]

    def join(self, other: Sequences) -> None:
        """Append rows."""
        self.adapters = self.adapters.joined(other.adapters)
        columns = max(self.seen_BK.shape[1], other.seen_BK.shape[1])
        self.seen_BK = torch.cat([_pad_left(self.seen_BK, columns), _pad_left(other.seen_BK, columns)])
        self.length_B = torch.cat([self.length_B, other.length_B])
        if self.source_BS is None or other.source_BS is None:
            kv_cache.join(self.cache, other.cache, pad_left=True)
            return
        assert self.source_mask_B11S is not None
        kv_cache.join(self.cache.self_attention_cache, other.cache.self_attention_cache, pad_left=True)
        kv_cache.join(self.cache.cross_attention_cache, other.cache.cross_attention_cache, pad_left=False)
        columns = max(self.source_BS.shape[1], other.source_BS.shape[1])
        self.source_BS = torch.cat([_pad_right(self.source_BS, columns), _pad_right(other.source_BS, columns)])
        self.source_mask_B11S = additive(self.source_BS, self.source_mask_B11S.dtype)[:, None, None]

    def picked(self, rows_B: Tensor) -> Sequences:
        """Return a copy with these rows, in this order; a row may occur several times."""
        if self.source_BS is None:
            cache = kv_cache.picked(self.cache, rows_B)
        else:
            own, source = self.cache.self_attention_cache, self.cache.cross_attention_cache
            cache = EncoderDecoderCache(kv_cache.picked(own, rows_B), kv_cache.picked(source, rows_B))
        return Sequences(
            adapters=self.adapters.picked(rows_B),
            cache=cache,
            seen_BK=self.seen_BK[rows_B],
            length_B=self.length_B[rows_B],
            source_BS=None if self.source_BS is None else self.source_BS[rows_B],
            source_mask_B11S=None if self.source_mask_B11S is None else self.source_mask_B11S[rows_B],
        )

    def drop_last(self, count: int) -> None:
        """Drop the last tokens that were fed; every row must have been fed all of them."""
        if count:
            cache = self.cache if self.source_BS is None else self.cache.self_attention_cache
            kv_cache.drop_last(cache, count)
            self.seen_BK = self.seen_BK[:, :-count]


def _leading_unused(used_BK: Tensor) -> int:
    """Return the number of columns on the left that no row uses."""
    if not used_BK.numel():
        return 0
    used_K = used_BK.any(dim=0)
    return int(used_K.to(torch.uint8).argmax()) if bool(used_K.any()) else used_K.shape[0]


def _pad_left(seen_BK: Tensor, columns: int) -> Tensor:
    return functional.pad(seen_BK, (columns - seen_BK.shape[1], 0), value=False)


def _pad_right(seen_BS: Tensor, columns: int) -> Tensor:
    return functional.pad(seen_BS, (0, columns - seen_BS.shape[1]), value=False)
