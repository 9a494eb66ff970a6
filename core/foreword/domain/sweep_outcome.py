"""The outcome of a sweep, which follows from its trials: its state, the best trial, times and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from foreword.domain.halving import HeldOutScore
from foreword.domain.job import JobState


class SweepState(Enum):
    """State of a sweep, which follows from its trials."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if no other state can follow."""
        return self in (SweepState.SUCCEEDED, SweepState.FAILED, SweepState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOutcome:
    """The part of a trial on which the outcome of its sweep depends.

    Attributes:
        experiment: Id of its experiment.
        score: Held-out score of the epoch that it keeps so far; None before the end of the first epoch.
        tuned_model: Id of its tuned model; None if it has none.
    """

    experiment: str
    state: JobState
    score: HeldOutScore | None
    tuned_model: str | None
    compute_seconds: float
    update_time: datetime
    end_time: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOutcome:
    """The outcome of a sweep, or how far it has come.

    Attributes:
        best_trial: Id of the experiment of the best trial with a tuned model, or before any has one of the best trial
            so far; None if no trial has a score.
        tuned_model: Id of the best trial's tuned model, once all trials have ended.
        compute_seconds: Compute time of all trials.
        update_time: Time of the last change of a trial.
        end_time: Time at which the last trial ended; None before.
    """

    state: SweepState
    best_trial: str | None
    tuned_model: str | None
    compute_seconds: float
    update_time: datetime
    end_time: datetime | None


def sweep_outcome(trials: Sequence[TrialOutcome], *, is_cancelled: bool, create_time: datetime) -> SweepOutcome:
    """Return the outcome of a sweep. `storage.lists.sweep_fields` computes the state in SQL; both must agree.

    Args:
        trials: All trials, by number. Of trials with equal scores, the first one is the best.
        is_cancelled: Whether cancellation of the sweep was requested.
        create_time: When the sweep was created.
    """
    has_ended = all(trial.state.ended for trial in trials)
    best = _best(trials)
    tuned_model = best.tuned_model if best is not None and has_ended else None
    times = [trial.end_time for trial in trials if trial.end_time is not None]
    if not has_ended:
        is_queued = all(trial.state is JobState.QUEUED for trial in trials)
        going = SweepState.QUEUED if is_queued else SweepState.RUNNING
        state = SweepState.CANCELLING if is_cancelled else going
    elif tuned_model is not None:
        state = SweepState.SUCCEEDED
    else:
        state = SweepState.CANCELLED if is_cancelled else SweepState.FAILED
    return SweepOutcome(
        state=state,
        best_trial=None if best is None else best.experiment,
        tuned_model=tuned_model,
        compute_seconds=sum(trial.compute_seconds for trial in trials),
        update_time=max((trial.update_time for trial in trials), default=create_time),
        end_time=max(times) if times and len(times) == len(trials) else None,
    )


def _best(trials: Sequence[TrialOutcome]) -> TrialOutcome | None:
    made = [trial for trial in trials if trial.tuned_model is not None]
    scored = [
        (trial.score.rank, -place, trial) for place, trial in enumerate(made or trials) if trial.score is not None
    ]
    return max(scored, key=lambda item: item[:2])[2] if scored else None
