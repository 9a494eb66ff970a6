"""Passes of the network over trees of candidates: each node sees the nodes above it.

Legend: B rows, C candidates, N nodes without the root, T tokens of the input, X tokens of the input and nodes,
V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from foreword.inference.labels.label_trie import LabelTrie
from foreword.inference.labels.token_log_probs import TokenLogProbs
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.sequences import Sequences

_EXACT_NODES: Final = 192
_NODE_STEP: Final = 64
"""Larger trees, which are mostly parts of many labels, are padded to a multiple of this."""


class TreePass:
    """The passes over trees of candidates, all from the same beginning."""

    def __init__(self, network: DecodingNetwork, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor) -> None:
        self._network = network
        self._sequences = sequences
        self._size = len(ids_BT)
        self._first: tuple[Tensor, Tensor] | None = (ids_BT, valid_BT)
        self._roots: TokenLogProbs | None = None
        self._nodes: TokenLogProbs | None = None
        self._places_BN = torch.zeros(0, 0, dtype=torch.long)
        self._tries: dict[int, tuple[int, LabelTrie]] = {}

    def run(self, rows: Sequence[int], tries: Sequence[LabelTrie]) -> list[list[float]]:
        """Return the log-probabilities of the candidates of these rows' trees.

        Args:
            rows: Places of rows; all rows in the first pass, which also reads the inputs.
        """
        device = self._network.device
        nodes = _padded(max(map(len, tries)))
        ids_BN = torch.zeros(len(tries), nodes, dtype=torch.long)
        depth_BN = torch.zeros_like(ids_BN)
        visible_BNN = torch.zeros(len(tries), nodes, nodes, dtype=torch.bool)
        for place, trie in enumerate(tries):
            ids_BN[place, : len(trie)] = trie.ids_N
            depth_BN[place, : len(trie)] = trie.depth_N
            visible_BNN[place, : len(trie), : len(trie)] = trie.visible_NN()
        ids_BN, depth_BN, visible_BNN = ids_BN.to(device), depth_BN.to(device), visible_BNN.to(device)
        self._feed(rows, ids_BN, depth_BN, visible_BNN)
        self._tries = {row: (place, trie) for place, (row, trie) in enumerate(zip(rows, tries, strict=True))}
        return [self._scores(row) for row in rows]

    def bounds(self, row: int, sequences: Sequence[Sequence[int]]) -> list[float]:
        """Return upper bounds for sequences of a row: the log-probability of their beginnings in the last tree."""
        _, trie = self._tries[row]
        left = trie.leave(sequences)
        nodes = torch.tensor([node for node, _ in left])
        tokens = torch.tensor([token for _, token in left])
        beyond = self._steps(row, nodes, tokens)
        reach = _reach(trie, self._steps(row, trie.parent_N, trie.ids_N))[nodes]
        bounds: list[float] = (reach + beyond).tolist()
        return bounds

    def forget(self) -> None:
        """Free what `bounds` reads: the logits of a whole pass."""
        self._nodes = None
        self._tries = {}

    def _scores(self, row: int) -> list[float]:
        """Return the log-probability of each candidate in a row's tree."""
        _, trie = self._tries[row]
        # The steps to the nodes and the ends of the candidates together: reading from the device waits for it.
        steps = self._steps(row, torch.cat([trie.parent_N, trie.leaf_C]), torch.cat([trie.ids_N, trie.last_C]))
        steps_N, ends_C = steps[: len(trie)], steps[len(trie) :]
        scores: list[float] = (_reach(trie, steps_N)[trie.leaf_C.long()] + ends_C).tolist()
        return scores

    def _steps(self, row: int, nodes: Tensor, tokens: Tensor) -> Tensor:
        """Return the log-probability of a token after each of these nodes, on the CPU in fp64."""
        assert self._roots is not None
        place, _ = self._tries[row]
        nodes, tokens = nodes.long().to(self._network.device), tokens.long().to(self._network.device)
        steps = self._roots.of(torch.full_like(nodes, row), tokens)
        if self._nodes is not None:
            places_N = self._places_BN[place, (nodes - 1).clamp(min=0)]
            steps = torch.where(nodes > 0, self._nodes.of(places_N, tokens), steps)
        return steps.double().cpu()

    def _feed(self, rows: Sequence[int], ids_BN: Tensor, depth_BN: Tensor, visible_BNN: Tensor) -> None:
        """Read the nodes. The first pass also reads the input, and keeps what follows the root."""
        if self._first is not None:
            first, self._first = self._first, None
            self._feed_first(*first, ids_BN, depth_BN, visible_BNN)
            return
        nodes = ids_BN.shape[1]
        if not nodes:
            return
        whole = len(rows) == self._size
        sequences = self._sequences if whole else self._sequences.picked(torch.tensor(rows, device=ids_BN.device))
        valid_BN = torch.ones_like(ids_BN, dtype=torch.bool)
        # Depth 1 is the position right after what was read so far.
        logits_BNV = self._network.feed_many(
            sequences, ids_BN, valid_BN, visible_BTT=visible_BNN, depth_BT=depth_BN - 1, keep=nodes
        )
        if whole:
            sequences.drop_last(nodes)
        self._nodes = TokenLogProbs(logits_BNV.flatten(0, 1))
        self._places_BN = torch.arange(ids_BN.numel(), device=ids_BN.device).view_as(ids_BN)

    def _feed_first(
        self, ids_BT: Tensor, valid_BT: Tensor, ids_BN: Tensor, depth_BN: Tensor, visible_BNN: Tensor
    ) -> None:
        """Feed the input and a tree."""
        nodes = ids_BN.shape[1]
        rows, num_tokens = ids_BT.shape
        total = num_tokens + nodes
        length_B1 = valid_BT.sum(dim=1, keepdim=True)
        visible_BXX = torch.zeros(rows, total, total, dtype=torch.bool, device=ids_BT.device)
        causal_TT = torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=ids_BT.device).tril()
        visible_BXX[:, :num_tokens, :num_tokens] = causal_TT & valid_BT[:, None]
        visible_BXX[:, num_tokens:, :num_tokens] = valid_BT[:, None]
        visible_BXX[:, num_tokens:, num_tokens:] = visible_BNN
        logits_BXV = self._network.feed_many(
            self._sequences,
            torch.cat([ids_BT, ids_BN], dim=1),
            torch.cat([valid_BT, torch.ones_like(ids_BN, dtype=torch.bool)], dim=1),
            visible_BTT=visible_BXX,
            depth_BT=torch.cat([(valid_BT.cumsum(dim=1) - 1).clamp(min=0), length_B1 + depth_BN - 1], dim=1),
            keep=nodes + 1,
        )
        self._sequences.drop_last(nodes)
        self._sequences.length_B = self._sequences.length_B + length_B1.squeeze(1)
        log_probs = TokenLogProbs(logits_BXV.flatten(0, 1))
        # Copies: the logits of all nodes are not kept for that of the root.
        places_BX = torch.arange(rows * (nodes + 1), device=ids_BT.device).view(rows, -1)
        self._roots = log_probs.kept(places_BX[:, 0])
        if nodes:
            self._nodes, self._places_BN = log_probs, places_BX[:, 1:]


def _padded(nodes: int) -> int:
    """Return the nodes to read for a large tree: torch keeps memory for each size of a pass, so there are few sizes."""
    return nodes if nodes <= _EXACT_NODES else -(-nodes // _NODE_STEP) * _NODE_STEP


def _reach(trie: LabelTrie, steps_N: Tensor) -> Tensor:
    """Return the log-probability of each node, the root first: the sum over all steps on the way to it."""
    return torch.cat([steps_N.new_zeros(1), trie.visible_NN().to(steps_N.dtype) @ steps_N])
