"""The choice of the best epoch, and early stopping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

NOTICEABLE_NATS: Final = 0.01
"""Smallest fall of the held-out loss, in nats per token, that counts as progress for early stopping."""


@dataclass(slots=True, kw_only=True)
class Selection:
    """The held-out results of a fit. Epochs count from 1.

    Epochs are compared by the main metric if there is one, and ties by the held-out loss: on few rows the metric takes
    few values, and the loss still distinguishes epochs.

    Attributes:
        best_epoch: The best epoch so far; 0 before any result.
        lowest_loss: Held-out loss when it last fell noticeably.
        stale_epochs: Epochs since the metric rose or the loss fell noticeably. A run continues at a constant metric as
            long as the loss falls, and stops if the loss only creeps.
    """

    best_epoch: int = 0
    best_metric: float | None = None
    best_loss: float | None = None
    lowest_loss: float | None = None
    stale_epochs: int = 0

    def offer(self, epoch: int, *, loss: float, metric: float | None) -> bool:
        """Record an epoch's results and return whether it is the best so far."""
        better = self.best_loss is None or self._rank(loss, metric) > self._rank(self.best_loss, self.best_metric)
        risen = metric is not None and (self.best_metric is None or metric > self.best_metric)
        fallen = self.lowest_loss is None or loss <= self.lowest_loss - NOTICEABLE_NATS
        if better:
            self.best_epoch, self.best_metric, self.best_loss = epoch, metric, loss
        if fallen:
            self.lowest_loss = loss
        self.stale_epochs = 0 if risen or fallen else self.stale_epochs + 1
        return better

    def exhausted(self, patience: int) -> bool:
        """Return whether to stop early; always False for a patience of 0."""
        return 0 < patience <= self.stale_epochs

    def to_json(self) -> dict[str, Any]:
        """Return the results as JSON for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Selection:
        """Restore the results from the JSON of a checkpoint."""
        return cls(**data)

    @staticmethod
    def _rank(loss: float, metric: float | None) -> tuple[float, float]:
        return (0.0 if metric is None else metric, -loss)
