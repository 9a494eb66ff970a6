"""What reads the encoder's states in training alone and learns along with it: which vector fits, which token it is.

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
    """A direction of the encoder's states at the prompt's positions that says how well each vector fits the text."""

    def __init__(self, width: int, device: torch.device) -> None:
        self._direction_D = nn.Parameter(torch.zeros(width, device=device))
        self._logarithm = nn.Parameter(torch.tensor(2.0, device=device))
        self._optimizer = torch.optim.AdamW([self._direction_D, self._logarithm], lr=_RATE, weight_decay=0.0)

    def log_probabilities(self, memory_BTD: Tensor, rows: Sequence[PromptedRow]) -> Tensor:
        """Of each vector being the one that fits best.

        Shape:
            memory_BTD: The encoder's states. Returns `[B, P]`, hardly anything beyond a prompt's own length.
        """
        lengths = [row.num_virtual for row in rows]
        scores_BP = (memory_BTD[:, : max(lengths)].float() @ self._direction_D) * self._logarithm.exp()
        device = memory_BTD.device
        outside_BP = torch.arange(max(lengths), device=device) >= torch.tensor(lengths, device=device)[:, None]
        return functional.log_softmax(scores_BP.masked_fill(outside_BP, -1e4), dim=-1)

    def update(self) -> None:
        """A step of AdamW."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Direction and optimiser."""
        parameters = {"direction": self._direction_D.detach(), "logarithm": self._logarithm.detach()}
        return {**parameters, "optimizer": self._optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._direction_D.copy_(state["direction"])
        self._logarithm.copy_(state["logarithm"])
        self._optimizer.load_state_dict(state["optimizer"])


class Legibility:
    """A linear map from the encoder's states to embeddings: what it finds, the decoder can copy."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self._map_DD = nn.Parameter(torch.eye(starter.width, device=starter.device))
        self._optimizer = torch.optim.AdamW([self._map_DD], lr=_RATE, weight_decay=0.0)

    def loss(self, memory_BTD: Tensor, found: Sequence[tuple[int, int, int]]) -> Tensor:
        """How far the tokens are from being read, in nats.

        Args:
            found: Row, position and token id of each.
        """
        rows, positions, tokens = (self._starter.tensor(part) for part in zip(*found, strict=True))
        states_ND = memory_BTD[rows, positions].float() @ self._map_DD
        table_VD = self._starter.embeddings_VD.detach()
        logits_NV = functional.linear(states_ND.to(table_VD.dtype), table_VD).float()
        return functional.cross_entropy(logits_NV, tokens)

    def update(self) -> None:
        """A step of AdamW."""
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Map and optimiser."""
        return {"map": self._map_DD.detach(), "optimizer": self._optimizer.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a state."""
        self._map_DD.copy_(state["map"])
        self._optimizer.load_state_dict(state["optimizer"])
