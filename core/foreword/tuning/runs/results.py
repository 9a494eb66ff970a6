"""Results of a run: a report of each update, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.experiment import Phase
from foreword.plugin.interfaces import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """The report of one update.

    Attributes:
        step: Number of the update, from 1, over all phases.
        total_steps: Updates of the whole run, as far as known.
        epoch: Passes over the training rows in this phase, with fractions.
        loss: Mean training loss of the update's rows, in nats per token.
        rows: Number of rows in the update.
        tokens: Number of tokens of its rows, each with the virtual tokens in front of it.
        seconds: Time of the update by `work_clock`, without evaluation; of a pass with rows of several runs, the share
            of its tokens.
        validation_loss: Held-out loss in nats per token; None except at the end of an epoch.
        validation_metric: Held-out main metric; None except at the end of an epoch.
    """

    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    rows: int
    tokens: int
    seconds: float
    phase: Phase
    validation_loss: float | None = None
    validation_metric: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """The outcome of a run.

    Attributes:
        artifact: The artifact to serve.
        best_epoch: Epoch that was best on the held-out rows, from 1; the last one if no rows were held out.
        best_metric: Held-out main metric at that epoch.
        best_loss: Held-out loss at that epoch, in nats per token.
        steps: Number of updates made.
        evaluated: The artifact to evaluate on held-out rows. It is `artifact`, unless that was refitted on all rows:
            then it is the artifact before the refit, and the held-out results of `artifact` are unknown.
    """

    artifact: Artifact
    best_epoch: int
    best_metric: float | None
    best_loss: float | None
    steps: int
    evaluated: Artifact

    @property
    def refitted(self) -> bool:
        """True if the artifact was tuned again on all rows."""
        return self.evaluated is not self.artifact
