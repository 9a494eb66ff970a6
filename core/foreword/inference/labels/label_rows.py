"""Candidate answers as rows of tokens, for networks that cannot read a tree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from foreword.inference.labels.label_trie import TENSOR_BYTES

MAX_TOKENS: Final = 256
"""Tokens of one pass over the candidates of an input, padding included."""


class LabelRows:
    """Token sequences that one pass reads as rows.

    Attributes:
        size: Number of candidates.
        num_tokens: Number of tokens that the pass reads, padding included.
    """

    __slots__ = ("_ids", "_lengths", "num_tokens", "size")

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self._lengths = [len(sequence) for sequence in sequences]
        self._ids = torch.tensor([token for sequence in sequences for token in sequence], dtype=torch.int32)
        self.size = len(sequences)
        self.num_tokens = self.size * max(self._lengths)

    @property
    def byte_size(self) -> int:
        """Memory of the rows in bytes."""
        return TENSOR_BYTES + self._ids.nbytes + 8 * len(self._lengths)

    def sequences(self) -> tuple[Tensor, ...]:
        """Return the tokens of each candidate."""
        return torch.split(self._ids, self._lengths)


def build_rows(sequences: Sequence[Sequence[int]]) -> list[LabelRows]:
    """Divide sequences into passes of at most MAX_TOKENS tokens (or one candidate), in order."""
    starts, longest = [0], 0
    for place, sequence in enumerate(sequences):
        longest = max(longest, len(sequence))
        if longest * (place + 1 - starts[-1]) > MAX_TOKENS and place > starts[-1]:
            starts.append(place)
            longest = len(sequence)
    return [LabelRows(sequences[start:end]) for start, end in pairwise([*starts, len(sequences)])]
