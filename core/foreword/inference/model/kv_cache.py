"""Keys and values of the tokens already seen, for batches whose rows come and go.

Legend: B rows, H heads, K columns seen, d width of a head.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from foreword.network.padding import pad_states
from foreword.network.prompt_states import Layers

SLACK: Final = 32
"""Columns reserved beyond those in use: one copy of the cache per this many tokens instead of one per token."""


class SlackLayer(DynamicLayer):  # type: ignore[no-untyped-call]  # transformers' __init_subclass__ is untyped
    """One layer whose storage grows in blocks.

    Attributes:
        keys, values: `[B, H, K, d]`, views of the storage.
    """

    keys: Tensor
    values: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]  # untyped in transformers
        self._keys_buffer: Tensor | None = None
        self._values_buffer: Tensor | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Append columns and return all of them.

        Shape:
            key_states, value_states: `[B, H, T, d]`. Returns `[B, H, K + T, d]` each.
        """
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        self._keys_buffer, self.keys = _append(self._keys_buffer, self.keys, key_states, start, end)
        self._values_buffer, self.values = _append(self._values_buffer, self.values, value_states, start, end)
        return self.keys, self.values

    def set(self, keys: Tensor, values: Tensor) -> None:
        """Replace all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
        self._keys_buffer = self._values_buffer = None
        self.keys, self.values = keys, values


def _append(buffer: Tensor | None, seen: Tensor, new: Tensor, start: int, end: int) -> tuple[Tensor, Tensor]:
    """Return the buffer, grown if needed, and its view up to `end`."""
    if buffer is None or buffer.shape[-2] < end:
        rows, heads, _, width = new.shape
        grown = new.new_empty(rows, heads, end + SLACK, width)
        if start:
            grown[:, :, :start] = seen
        buffer = grown
    buffer[:, :, start:end] = new
    return buffer, buffer[:, :, :end]


def layers_of(cache: Cache) -> list[SlackLayer]:
    """Return the layers of a cache that this module created."""
    return cast("list[SlackLayer]", cache.layers)


def new_cache() -> Cache:
    """Return an empty cache; layers appear as the model fills them."""
    return Cache(layer_class_to_replicate=SlackLayer)


def filled_cache(layers: Layers) -> Cache:
    """Return a cache that begins with these keys and values."""
    made: list[Any] = []
    for keys, values in layers:
        layer = SlackLayer()
        layer.set(keys, values)
        made.append(layer)
    return Cache(layers=made)


def picked(cache: Cache, rows_B: Tensor) -> Cache:
    """Return a copy with these rows, in this order."""
    return filled_cache([(layer.keys[rows_B], layer.values[rows_B]) for layer in layers_of(cache)])


def drop_last(cache: Cache, count: int) -> None:
    """Drop the last columns."""
    if count:
        for layer in layers_of(cache):
            layer.keys = layer.keys[:, :, :-count]
            layer.values = layer.values[:, :, :-count]


def select(cache: Cache, rows_B: Tensor | None, first: int = 0, last: int | None = None) -> None:
    """Keep some rows (None: all) and the columns from `first` up to but not including `last`."""
    for layer in layers_of(cache):
        keys, values = layer.keys[:, :, first:last], layer.values[:, :, first:last]
        if rows_B is not None:
            keys, values = keys[rows_B], values[rows_B]
        layer.set(keys, values)


def join(cache: Cache, other: Cache, *, pad_left: bool) -> None:
    """Append the rows of another cache; the shorter one is padded with zeros on one side."""
    if not cache.layers:
        cache.layers = other.layers
        return
    for mine, theirs in zip(layers_of(cache), layers_of(other), strict=True):
        length = max(mine.keys.shape[-2], theirs.keys.shape[-2])
        pad = partial(pad_states, length=length, left=pad_left)
        mine.set(
            torch.cat([pad(mine.keys), pad(theirs.keys)]),
            torch.cat([pad(mine.values), pad(theirs.values)]),
        )
