"""Which epoch was best so far, and when to stop waiting for a better one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

NOTICEABLE_NATS: Final = 0.01
"""What the held-out loss has to fall by, per token, to count against stopping."""


@dataclass(slots=True, kw_only=True)
class Selection:
    """Held-out results of a fit, epochs counted from 1.

    An epoch is better by the main metric where there is one, and between equals by the held-out loss: on few rows
    the metric has few values, and the loss still tells epochs apart.

    Attributes:
        best_epoch: 0 before any result.
        lowest_loss: Held-out loss when it last fell noticeably.
        stale_epochs: Epochs since either the metric rose or the loss fell noticeably: a metric that stands still for a
            while is no reason to stop as long as the loss falls, and a loss that creeps is none to go on.
    """

    best_epoch: int = 0
    best_metric: float | None = None
    best_loss: float | None = None
    lowest_loss: float | None = None
    stale_epochs: int = 0

    def offer(self, epoch: int, *, loss: float, metric: float | None) -> bool:
        """Takes an epoch's results; True when it is the best so far."""
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
        """Whether to stop early; a patience of 0 never does."""
        return 0 < patience <= self.stale_epochs

    def to_json(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Selection:
        """From a checkpoint."""
        return cls(**data)

    @staticmethod
    def _rank(loss: float, metric: float | None) -> tuple[float, float]:
        return (0.0 if metric is None else metric, -loss)
