"""Details of tokens: the model's own log-probability and rank of each, and the likeliest tokens in its place.

Legend: B rows, R rows that are recorded, N tokens at most, K likeliest tokens kept, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foreword.inference.decoding.row_tensors import RowTensors


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenDetail:
    """The details of one token.

    Attributes:
        log_probability: In nats.
        rank: 1 for the likeliest; tokens that are as likely share theirs.
        top: Id and log-probability of the likeliest tokens in its place, likeliest first.
    """

    log_probability: float
    rank: int
    top: tuple[tuple[int, float], ...]


@dataclass(eq=False, slots=True, kw_only=True)
class TokenDetails(RowTensors):
    """The details of the tokens generated in each row; without columns while no row requests them."""

    log_prob_BN: Tensor
    rank_BN: Tensor
    top_id_BNK: Tensor
    top_log_prob_BNK: Tensor

    @classmethod
    def empty(cls, rows: int, columns: int, top: int, device: torch.device) -> TokenDetails:
        """Make room for `columns` tokens in each row, and the `top` likeliest in the place of each."""
        return cls(
            log_prob_BN=torch.zeros(rows, columns, device=device),
            rank_BN=torch.zeros(rows, columns, dtype=torch.long, device=device),
            top_id_BNK=torch.zeros(rows, columns, top, dtype=torch.long, device=device),
            top_log_prob_BNK=torch.zeros(rows, columns, top, device=device),
        )

    def record(self, rows_R: Tensor, column_R: Tensor, log_probs_RV: Tensor, ids_R: Tensor) -> None:
        """Record one token of some rows.

        Shape:
            rows_R, column_R, ids_R: `[R]`. log_probs_RV: `[R, V]`.
        """
        log_prob_R1 = log_probs_RV.gather(1, ids_R[:, None])
        self.log_prob_BN[rows_R, column_R] = log_prob_R1[:, 0]
        self.rank_BN[rows_R, column_R] = (log_probs_RV > log_prob_R1).sum(dim=-1) + 1
        top = self.top_id_BNK.shape[2]
        if top:
            found = log_probs_RV.topk(min(top, log_probs_RV.shape[1]), dim=-1)
            self.top_id_BNK[rows_R, column_R, : found.indices.shape[1]] = found.indices
            self.top_log_prob_BNK[rows_R, column_R, : found.values.shape[1]] = found.values

    def of_row(self, row: int, count: int, top: int) -> tuple[TokenDetail, ...]:
        """Return the details of a row's first `count` tokens, with the `top` likeliest in the place of each."""
        ids = self.top_id_BNK[row, :count, :top].tolist()
        log_probs = self.top_log_prob_BNK[row, :count, :top].tolist()
        return tuple(
            TokenDetail(log_probability=log_prob, rank=rank, top=tuple(zip(top_ids, top_log_probs, strict=True)))
            for log_prob, rank, top_ids, top_log_probs in zip(
                self.log_prob_BN[row, :count].tolist(), self.rank_BN[row, :count].tolist(), ids, log_probs, strict=True
            )
        )


def details_of(log_probs_NV: Tensor, ids: Sequence[int], top: int) -> tuple[TokenDetail, ...]:
    """Return the details of tokens whose distributions are all known.

    Shape:
        log_probs_NV: `[N, V]`, for N ids.
    """
    details = TokenDetails.empty(1, len(ids), top, log_probs_NV.device)
    columns_N = torch.arange(len(ids), device=log_probs_NV.device)
    details.record(torch.zeros_like(columns_N), columns_N, log_probs_NV, torch.tensor(ids, device=log_probs_NV.device))
    return details.of_row(0, len(ids), top)
