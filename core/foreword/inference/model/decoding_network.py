"""A base model as a network: begin sequences, then feed them tokens.

Every row has its own adapter or none: a prompt, immediately in front of its own tokens, and factors of what passes the
sites of the model. Sequences are stored so that all rows write to the same column: the newest token of every row is in
the last one, and what a row lacks is masked on the left. Positions are counted per row, so where a row's tokens lie in
the storage changes nothing.

Legend: B rows, T tokens fed at once, K columns seen, V vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from foreword.domain.context_room import ContextRoom
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.sequences import Sequences
from foreword.network.adapted_model import AdaptedModel
from foreword.network.padding import additive


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInput:
    """The tokens and the adapter that one row starts from."""

    ids: Sequence[int]
    adapter: LoadedAdapter | None = None


class DecodingNetwork(AdaptedModel, ABC):
    """A base model, ready to be fed.

    Attributes:
        can_branch: Whether one pass may hold several continuations of a row, as a tree.
    """

    can_branch: bool

    def context_room(self, adapter: LoadedAdapter | None) -> ContextRoom:
        """Return the room for inputs and answers beside an adapter's soft prompt."""
        return self.model.spec.context_room(adapter.length if adapter else 0)

    def check_device(self) -> None:
        """Raise what torch raises when the device is lost: after some faults only a new process can use it again.

        CUDA's device-side assert is one; every later operation fails with it.
        """
        torch.zeros(1, device=self.device).item()

    @abstractmethod
    def begin(self, inputs: Sequence[NetworkInput]) -> tuple[Sequences, Tensor, Tensor]:
        """Begin rows.

        Returns:
            The rows, and what to feed them first: ids and which of them are not padding, the last column never is.

        Shape:
            Ids and their validity: `[B, T]`.
        """

    @abstractmethod
    def _forward(self, rows: Sequences, ids_BT: Tensor, mask_B1TK: Tensor, positions_BT: Tensor, keep: int) -> Tensor:
        """Run one pass of the decoder; return logits of the last `keep` columns."""

    def feed(self, rows: Sequences, ids_B1: Tensor) -> Tensor:
        """Feed one token to each row.

        Shape:
            ids_B1: `[B, 1]`. Returns logits `[B, 1, V]`.
        """
        rows.seen_BK = functional.pad(rows.seen_BK, (0, 1), value=True)
        logits_B1V = self._forward(
            rows, ids_B1, additive(rows.seen_BK, self.dtype)[:, None, None], rows.length_B[:, None], 1
        )
        rows.length_B = rows.length_B + 1
        return logits_B1V

    def feed_many(
        self,
        rows: Sequences,
        ids_BT: Tensor,
        valid_BT: Tensor,
        *,
        visible_BTT: Tensor,
        depth_BT: Tensor,
        keep: int,
    ) -> Tensor:
        """Feed several tokens to each row. `rows.length_B` stays: only the caller knows which tokens continue the row.

        Args:
            valid_BT: Which ids are not padding.
            visible_BTT: Which of the new tokens each new token sees.
            depth_BT: Position of each new token, counted from the row's length.
            keep: Columns whose logits are wanted, from the last.

        Shape:
            Returns logits `[B, keep, V]`.
        """
        num_new = ids_BT.shape[1]
        old_BTK = rows.seen_BK[:, None].expand(-1, num_new, -1)
        mask_B1TK = additive(torch.cat([old_BTK, visible_BTT], dim=-1), self.dtype)[:, None]
        positions_BT = rows.length_B[:, None] + depth_BT
        rows.seen_BK = torch.cat([rows.seen_BK, valid_BT], dim=1)
        return self._forward(rows, ids_BT, mask_B1TK, positions_BT, keep)

    def adapter_bytes(self, adapter: LoadedAdapter) -> int:
        """Return the bytes that an adapter takes while it is loaded."""
        return adapter.byte_size
