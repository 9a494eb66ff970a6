"""The speed at which a machine tunes a base model. It is the price of a token, and the basis of planned times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_REMEMBERED_TOKENS: Final = 500_000
"""Tokens of earlier updates that count at most, so that the speed follows a change of the machine within a few runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A base model on a kind of machine.

    Attributes:
        base_model: Id of the base model.
        device: Torch device, such as `cpu`.
        dtype: Number format of the base model: `float32` or `bfloat16`.
    """

    base_model: str
    device: str
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpeed:
    """The time of a token, from updates of runs that had a worker for themselves, as if its machine did nothing else.

    Attributes:
        seconds_per_token: Time to train on one token of a row, virtual tokens included.
        observed_tokens: Number of tokens of the observed updates; 0 if the time is an estimate.
    """

    seconds_per_token: float
    observed_tokens: int = 0

    def refined(self, *, seconds: float, tokens: int) -> MachineSpeed:
        """Return the speed after further updates: the mean over all observed tokens. An estimate no longer counts.

        Args:
            seconds: Time of the updates.
            tokens: Number of their tokens, at least one.
        """
        before = min(self.observed_tokens, _REMEMBERED_TOKENS)
        return MachineSpeed(
            seconds_per_token=(self.seconds_per_token * before + seconds) / (before + tokens),
            observed_tokens=self.observed_tokens + tokens,
        )
