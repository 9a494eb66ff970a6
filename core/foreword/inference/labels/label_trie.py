"""Candidate answers as trees of tokens, so that shared beginnings are computed once, and many answers in one pass.

Legend: C candidates, N nodes without the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

MAX_NODES: Final = 256
"""Nodes of one tree: the mask grows with their square, and one pass of the network is not interrupted."""
TENSOR_BYTES: Final = 1024
"""Memory of the objects around a tensor and the tree that holds it, about."""


class LabelTrie:
    """A tree of token sequences, its nodes in depth-first order.

    Node 0 is the root, the token in front of every candidate. The last token of a candidate, its end token, is not a
    node, because nothing follows it. A beginning is shared by sequences that come one after the other, so sort them.

    Attributes:
        size: Number of candidates.
    """

    __slots__ = ("_numbers", "_sizes", "size")

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        ids, depths, parents = list[int](), list[int](), list[int]()
        leaves = list[int]()
        path, before = [0], list[int]()
        for sequence in sequences:
            inner = list(sequence[:-1])
            shared = shared_length(before, inner)
            new = range(len(ids) + 1, len(ids) + 1 + len(inner) - shared)
            path = [*path[: shared + 1], *new]
            ids += inner[shared:]
            parents += path[shared:-1]
            depths += range(shared + 1, len(inner) + 1)
            leaves.append(path[-1])
            before = inner
        last = [sequence[-1] for sequence in sequences]
        self.size = len(sequences)
        # One tensor: with one for each attribute, a small tree would be mostly the objects around its numbers.
        self._numbers = torch.tensor([*ids, *depths, *parents, *_ends(parents), *leaves, *last], dtype=torch.int32)
        self._sizes = [len(ids)] * 4 + [len(leaves)] * 2

    @property
    def ids_N(self) -> Tensor:
        """Token of each node but the root."""
        return self._part(0)

    @property
    def depth_N(self) -> Tensor:
        """Number of tokens from the root to each node."""
        return self._part(1)

    @property
    def parent_N(self) -> Tensor:
        """Number of the node above each node."""
        return self._part(2)

    @property
    def end_N(self) -> Tensor:
        """Number of the first node after those below each node."""
        return self._part(3)

    @property
    def leaf_C(self) -> Tensor:
        """Node in front of the last token of each candidate."""
        return self._part(4)

    @property
    def last_C(self) -> Tensor:
        """Last token of each candidate."""
        return self._part(5)

    def __len__(self) -> int:
        """Return the number of nodes without the root."""
        return self._sizes[0]

    @property
    def num_tokens(self) -> int:
        """Number of tokens that a pass over the tree reads, the root included."""
        return len(self) + 1

    @property
    def byte_size(self) -> int:
        """Memory of the tree in bytes."""
        return TENSOR_BYTES + self._numbers.nbytes

    def visible_NN(self) -> Tensor:
        """Return which nodes each node sees, `[N, N]`: those above it, and itself."""
        places_N = torch.arange(1, len(self) + 1)
        below_NN = places_N[:, None] < self.end_N
        return below_NN & (places_N <= places_N[:, None])

    def leave(self, sequences: Iterable[Sequence[int]]) -> list[tuple[int, int]]:
        """Follow sequences as far as they go; return the last node reached and the first token beyond it of each."""
        steps = zip(self.parent_N.tolist(), self.ids_N.tolist(), strict=True)
        children = {step: node for node, step in enumerate(steps, 1)}
        found = []
        for sequence in sequences:
            node, beyond = 0, sequence[-1]
            for token in sequence:
                child = children.get((node, token))
                if child is None:
                    beyond = token
                    break
                node = child
            found.append((node, beyond))
        return found

    def _part(self, number: int) -> Tensor:
        return self._numbers.split(self._sizes)[number]  # type: ignore[no-any-return, no-untyped-call]  # torch's own


def build_tries(sequences: Sequence[Sequence[int]]) -> list[LabelTrie]:
    """Build trees of at most MAX_NODES nodes (or one candidate) that contain all sequences, in order."""
    starts, nodes = [0], 0
    before: Sequence[int] = ()
    for place, sequence in enumerate(sequences):
        inner = sequence[:-1]
        new = len(inner) - shared_length(before, inner)
        if nodes + new > MAX_NODES and place > starts[-1]:
            starts.append(place)
            nodes, new = 0, len(inner)
        nodes += new
        before = inner
    return [LabelTrie(sequences[start:end]) for start, end in pairwise([*starts, len(sequences)])]


def shared_length(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of tokens with which both sequences begin."""
    shared = 0
    for mine, other in zip(first, second, strict=False):
        if mine != other:
            break
        shared += 1
    return shared


def _ends(parents: Sequence[int]) -> list[int]:
    """Return the number of the first node after those below each node."""
    ends = list(range(2, len(parents) + 2))
    for node in range(len(parents), 0, -1):
        parent = parents[node - 1]
        if parent:
            ends[parent - 1] = max(ends[parent - 1], ends[node - 1])
    return ends
