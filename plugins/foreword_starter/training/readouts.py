"""Readouts of the encoder's states, used and trained only during training: the matching vector and the token.

Shapes: B rows, T positions, P vectors of the longest prompt, N tokens, V vocabulary, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foreword_starter.training.forward import PromptedRow
from foreword_starter.training.starter import Starter

_RATE: Final = 1e-3


class Matcher:
    """A direction in the encoder's states at the prompt's positions that scores how well each vector fits the text."""

    def __init__(self, width: int, device: torch.device) -> None:
        self._direction_D = nn.Parameter(torch.zeros(width, device=device))
        self._logarithm = nn.Parameter(torch.tensor(2.0, device=device))
        self._optimizer = torch.optim.AdamW([self._direction_D, self._logarithm], lr=_RATE, weight_decay=0.0)

    def log_probabilities(self, memory_BTD: Tensor, rows: Sequence[PromptedRow]) -> Tensor:
        """Return the log probability of each vector to be the best fit.

        Shape:
            memory_BTD: The encoder's states. Returns `[B, P]`; beyond a prompt's own length probabilities are nearly 0.
        """
        lengths = [row.num_virtual for row in rows]
        scores_BP = (memory_BTD[:, : max(lengths)].float() @ self._direction_D) * self._logarithm.exp()
        device = memory_BTD.device
        outside_BP = torch.arange(max(lengths), device=device) >= torch.tensor(lengths, device=device)[:, None]
        return functional.log_softmax(scores_BP.masked_fill(outside_BP, -1e4), dim=-1)

    def update(self) -> None:
        """Make an AdamW step and clear the gradients."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the direction and the optimiser."""
        parameters = {"direction": self._direction_D.detach(), "logarithm": self._logarithm.detach()}
        return {**parameters, "optimizer": self._optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._direction_D.copy_(state["direction"])
        self._logarithm.copy_(state["logarithm"])
        self._optimizer.load_state_dict(state["optimizer"])


class Legibility:
    """A linear map from the encoder's states to token embeddings; the decoder can copy the tokens that it recovers."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self._map_DD = nn.Parameter(torch.eye(starter.width, device=starter.device))
        self._optimizer = torch.optim.AdamW([self._map_DD], lr=_RATE, weight_decay=0.0)

    def loss(self, memory_BTD: Tensor, found: Sequence[tuple[int, int, int]]) -> Tensor:
        """Return the cross-entropy of reading the tokens from the states, in nats.

        Args:
            found: Row, position and token id of each token.
        """
        rows, positions, tokens = (self._starter.tensor(part) for part in zip(*found, strict=True))
        states_ND = memory_BTD[rows, positions].float() @ self._map_DD
        table_VD = self._starter.embeddings_VD.detach()
        logits_NV = functional.linear(states_ND.to(table_VD.dtype), table_VD).float()
        return functional.cross_entropy(logits_NV, tokens)

    def update(self) -> None:
        """Make an AdamW step and clear the gradients."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the map and the optimiser."""
        return {"map": self._map_DD.detach(), "optimizer": self._optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        self._map_DD.copy_(state["map"])
        self._optimizer.load_state_dict(state["optimizer"])
