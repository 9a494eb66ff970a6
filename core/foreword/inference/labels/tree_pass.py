"""Passes of the network over trees of candidates: each node sees the nodes above it.

Legend: B rows, C candidates, E edges, L edges of the longest candidate, N nodes without the root, T tokens of the
input, X tokens of the input and nodes, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from foreword.inference.labels.label_trie import LabelTrie
from foreword.inference.model.network import Network
from foreword.inference.model.sequences import Sequences


class TreePass:
    """The passes over trees of candidates, all from the same beginning."""

    def __init__(self, network: Network, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor) -> None:
        self._network = network
        self._sequences = sequences
        self._first: tuple[Tensor, Tensor] | None = (ids_BT, valid_BT)
        self._root_B1V: Tensor | None = None
        self._log_probs_BNV: Tensor | None = None
        self._tries: list[LabelTrie | None] = []

    def run(self, tries: Sequence[LabelTrie | None]) -> list[list[float]]:
        """Return the log-probabilities of the candidates of each row's tree; empty for a row without a tree."""
        device = self._network.device
        nodes = max(len(trie) if trie else 0 for trie in tries)
        ids_BN = torch.zeros(len(tries), nodes, dtype=torch.long)
        depth_BN = torch.zeros_like(ids_BN)
        visible_BNN = torch.zeros(len(tries), nodes, nodes, dtype=torch.bool)
        for place, trie in enumerate(tries):
            if trie and len(trie):
                ids_BN[place, : len(trie)] = trie.ids_N
                depth_BN[place, : len(trie)] = trie.depth_N
                visible_BNN[place, : len(trie), : len(trie)] = trie.visible_NN
        ids_BN, depth_BN, visible_BNN = ids_BN.to(device), depth_BN.to(device), visible_BNN.to(device)
        log_probs_BNV = self._feed(ids_BN, depth_BN, visible_BNN).float().log_softmax(dim=-1)
        self._sequences.drop_last(nodes)
        self._tries = list(tries)
        self._log_probs_BNV = log_probs_BNV
        return [
            [] if trie is None else _path_sums(trie, self._edges(place, trie)).tolist()
            for place, trie in enumerate(tries)
        ]

    def bounds(self, place: int, sequences: Sequence[Sequence[int]]) -> list[float]:
        """Return upper bounds for sequences of a row: the log-probability of their beginnings in the last tree."""
        trie = self._tries[place]
        assert trie is not None
        assert self._log_probs_BNV is not None
        left = [trie.leave(sequence) for sequence in sequences]
        nodes = torch.tensor([node for node, _ in left])
        tokens = torch.tensor([token for _, token in left])
        edges_E = self._edges(place, trie)
        # A node's own probability is that of all edges on the way to it.
        reach_N = trie.visible_NN.to(edges_E.dtype) @ edges_E[trie.node_edge_N]
        reach = torch.cat([reach_N.new_zeros(1), reach_N])[nodes]
        beyond = self._log_probs_BNV[place].cpu()[nodes, tokens].double()
        bounds: list[float] = (reach + beyond).tolist()
        return bounds

    def _edges(self, place: int, trie: LabelTrie) -> Tensor:
        """Return the log-probability of each edge of a row's tree, on the CPU in fp64."""
        assert self._log_probs_BNV is not None
        device = self._log_probs_BNV.device
        nodes, tokens = trie.edge_node_E.to(device), trie.edge_token_E.to(device)
        return self._log_probs_BNV[place, nodes, tokens].double().cpu()

    def _feed(self, ids_BN: Tensor, depth_BN: Tensor, visible_BNN: Tensor) -> Tensor:
        """Return the logits of root and nodes. The first pass also reads the input, and keeps the root's logits."""
        network, nodes = self._network, ids_BN.shape[1]
        if self._first is None:
            assert self._root_B1V is not None
            if not nodes:
                return self._root_B1V
            valid_BN = torch.ones_like(ids_BN, dtype=torch.bool)
            # Depth 1 is the position right after what was read so far.
            logits_BNV = network.feed_many(
                self._sequences, ids_BN, valid_BN, visible_BTT=visible_BNN, depth_BT=depth_BN - 1, keep=nodes
            )
            return torch.cat([self._root_B1V, logits_BNV], dim=1)
        (ids_BT, valid_BT), self._first = self._first, None
        rows, num_tokens = ids_BT.shape
        total = num_tokens + nodes
        length_B1 = valid_BT.sum(dim=1, keepdim=True)
        visible_BXX = torch.zeros(rows, total, total, dtype=torch.bool, device=ids_BT.device)
        causal_TT = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=ids_BT.device).tril()
        visible_BXX[:, :num_tokens, :num_tokens] = causal_TT & valid_BT[:, None]
        visible_BXX[:, num_tokens:, :num_tokens] = valid_BT[:, None]
        visible_BXX[:, num_tokens:, num_tokens:] = visible_BNN
        logits_BXV = network.feed_many(
            self._sequences,
            torch.cat([ids_BT, ids_BN], dim=1),
            torch.cat([valid_BT, torch.ones_like(ids_BN, dtype=torch.bool)], dim=1),
            visible_BTT=visible_BXX,
            depth_BT=torch.cat([(valid_BT.cumsum(dim=1) - 1).clamp(min=0), length_B1 + depth_BN - 1], dim=1),
            keep=nodes + 1,
        )
        self._sequences.length_B = self._sequences.length_B + length_B1.squeeze(1)
        self._root_B1V = logits_BXV[:, :1]
        return logits_BXV


def _path_sums(trie: LabelTrie, edges_E: Tensor) -> Tensor:
    """Return the log-probability of each candidate: the sum over its edges."""
    return torch.cat([edges_E, edges_E.new_zeros(1)])[trie.path_CL].sum(dim=1)
