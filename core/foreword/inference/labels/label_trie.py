"""Candidate answers as a tree of tokens, so that shared beginnings are computed once and all in one pass.

Legend: C candidates, E edges, L edges of the longest candidate, N nodes without the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

MAX_NODES: Final = 256
"""Nodes of one tree: the mask grows with their square."""


class LabelTrie:
    """A tree of token sequences.

    Node 0 is the root, the token in front of every candidate. An edge is a token chosen at a node; the last edge of a
    candidate is its end token, which leads to no node, as nothing follows it.

    Attributes:
        size: Candidates.
        ids_N: Token of each node but the root.
        depth_N: Edges from the root.
        visible_NN: Which nodes each node sees: itself and those above it.
        edge_node_E: Node of each edge, the root included in the count.
        edge_token_E: Its token.
        path_CL: Edges of each candidate; `E` where it is shorter.
        node_edge_N: The edge that leads to each node.
    """

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        children: list[dict[int, int]] = [{}]
        edges: dict[tuple[int, int], int] = {}
        ids: list[int] = []
        parents: list[int] = []
        depths: list[int] = []
        paths: list[list[int]] = []
        for sequence in sequences:
            node, path = 0, []
            for place, token in enumerate(sequence):
                path.append(edges.setdefault((node, token), len(edges)))
                if place == len(sequence) - 1:
                    break
                if token not in children[node]:
                    children[node][token] = len(children)
                    children.append({})
                    ids.append(token)
                    parents.append(node)
                    depths.append(place + 1)
                node = children[node][token]
            paths.append(path)
        self._children = children
        self.size = len(sequences)
        self.ids_N = torch.tensor(ids, dtype=torch.long)
        self.depth_N = torch.tensor(depths, dtype=torch.long)
        self.edge_node_E = torch.tensor([node for node, _ in edges])
        self.edge_token_E = torch.tensor([token for _, token in edges])
        longest = max(map(len, paths))
        self.path_CL = torch.tensor([path + [len(edges)] * (longest - len(path)) for path in paths])
        self.node_edge_N = torch.tensor(
            [edges[parent, token] for parent, token in zip(parents, ids, strict=True)], dtype=torch.long
        )
        self.visible_NN = _visible(parents)

    def __len__(self) -> int:
        """Return the number of nodes without the root."""
        return len(self.ids_N)

    def leave(self, sequence: Sequence[int]) -> tuple[int, int]:
        """Follow a sequence as far as it goes and return the last node reached and the first token beyond it."""
        node = 0
        for token in sequence:
            if token not in self._children[node]:
                return node, token
            node = self._children[node][token]
        return node, sequence[-1]


def build_tries(sequences: Sequence[Sequence[int]]) -> list[LabelTrie]:
    """Build trees of at most MAX_NODES nodes (or one candidate) that contain all sequences, in order."""
    tries, start, nodes = [], 0, 0
    for place, sequence in enumerate(sequences):
        if nodes + len(sequence) > MAX_NODES and place > start:
            # Counted without sharing, then built: a tree with much sharing may well take more.
            trie = LabelTrie(sequences[start:place])
            if len(trie) + len(sequence) > MAX_NODES:
                tries.append(trie)
                start, nodes = place, 0
            else:
                nodes = len(trie)
        nodes += len(sequence)
    tries.append(LabelTrie(sequences[start:]))
    return tries


def _visible(parents: Sequence[int]) -> Tensor:
    """Return which nodes each node sees, `[N, N]`: those that its parent sees, and itself."""
    visible_NN = torch.eye(len(parents), dtype=torch.bool)
    for node, parent in enumerate(parents):
        if parent:
            visible_NN[node] |= visible_NN[parent - 1]
    return visible_NN
