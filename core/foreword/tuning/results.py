"""What the trainer reports while it runs and when it has ended."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.experiment import Phase
from foreword.plugin.interfaces import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One update.

    Attributes:
        step: Updates so far, from 1, over all phases.
        total_steps: Updates in all, as far as is known by now.
        epoch: Passes over the training rows in this phase, with fractions.
        loss: Mean training loss of the update's rows, in nats per token.
        rows: Rows of the update.
        seconds: Time of the update, evaluation not counted.
        validation_loss: Held-out loss in nats per token; None but at the end of an epoch.
        validation_metric: Held-out main metric; None but at the end of an epoch.
    """

    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    rows: int
    seconds: float
    phase: Phase
    validation_loss: float | None = None
    validation_metric: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """What a run learnt.

    Attributes:
        artifact: What is served.
        best_epoch: Epoch that was best on the held-out rows, from 1; the last one when nothing was held out.
        best_metric: Held-out main metric at that epoch.
        best_loss: Held-out loss at that epoch, in nats per token.
        steps: Updates made.
        evaluated: What held-out rows may be asked of. It is the artifact, unless that was refitted on all rows: then
            it is the one before, and the artifact's own held-out results are unknown.
    """

    artifact: Artifact
    best_epoch: int
    best_metric: float | None
    best_loss: float | None
    steps: int
    evaluated: Artifact

    @property
    def refitted(self) -> bool:
        """Whether the artifact was tuned on all rows in the end."""
        return self.evaluated is not self.artifact
