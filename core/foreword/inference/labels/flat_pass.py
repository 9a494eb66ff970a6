"""Passes of the network in which each candidate is a row, for networks that cannot read a tree.

Legend: B rows, L tokens of the longest candidate, T tokens fed at once, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from foreword.inference.labels.label_rows import LabelRows
from foreword.inference.labels.token_log_probs import TokenLogProbs
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.prefill import feed_first
from foreword.inference.model.sequences import Sequences

_FLAT_ROWS: Final = 64
"""Rows at a time where each candidate is a row."""


class FlatPass:
    """The passes over candidates, with a row for each."""

    def __init__(self, network: DecodingNetwork, sequences: Sequences, ids_BT: Tensor, valid_BT: Tensor) -> None:
        self._network = network
        self._sequences = sequences
        self._roots = TokenLogProbs(feed_first(network, sequences, ids_BT, valid_BT)[:, -1])

    def run(self, rows: Sequence[int], candidates: Sequence[LabelRows]) -> list[list[float]]:
        """Return the log-probabilities of the candidates of these rows."""
        device = self._network.device
        flat = [(place, ids) for place, items in enumerate(candidates) for ids in items.sequences()]
        found: list[list[float]] = [[] for _ in candidates]
        for start in range(0, len(flat), _FLAT_ROWS):
            part = flat[start : start + _FLAT_ROWS]
            rows_B = torch.tensor([rows[place] for place, _ in part], device=device)
            targets_BL = pad_sequence([ids for _, ids in part], batch_first=True).long().to(device)
            counts_B = torch.tensor([len(ids) for _, ids in part], device=device)
            log_probs_BL = self._targets(rows_B, targets_BL)
            kept_BL = torch.arange(targets_BL.shape[1], device=device) < counts_B[:, None]
            sums = log_probs_BL.double().masked_fill(~kept_BL, 0).sum(dim=1).tolist()
            for (place, _), value in zip(part, sums, strict=True):
                found[place].append(value)
        return found

    def _targets(self, rows_B: Tensor, targets_BL: Tensor) -> Tensor:
        """Return the log-probability of each target token given those before it."""
        first_B1 = self._roots.of(rows_B[:, None], targets_BL[:, :1])
        length = targets_BL.shape[1] - 1
        if not length:
            return first_B1
        branch = self._sequences.picked(rows_B)
        inputs_BT = targets_BL[:, :-1]
        valid_BT = torch.ones_like(inputs_BT, dtype=torch.bool)
        causal_TT = torch.ones(length, length, dtype=torch.bool, device=inputs_BT.device).tril()
        logits_BTV = self._network.feed_many(
            branch,
            inputs_BT,
            valid_BT,
            visible_BTT=causal_TT.expand(len(inputs_BT), -1, -1),
            depth_BT=torch.arange(length, device=inputs_BT.device).expand(len(inputs_BT), -1),
            keep=length,
        )
        places_BT = torch.arange(inputs_BT.numel(), device=inputs_BT.device).view_as(inputs_BT)
        rest_BT = TokenLogProbs(logits_BTV.flatten(0, 1)).of(places_BT, targets_BL[:, 1:])
        return torch.cat([first_B1, rest_BT], dim=1)
