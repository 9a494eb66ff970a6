"""Successive halving: which trials of a sweep are stopped early. Scores in, decision out.

A trial is stopped as soon as enough others that go on were better at a rung, so no trial waits for another. If the
trials keep pace, as those do that are tuned together, the same ones go on as if all had waited for each other at each
rung. In any case the last one is never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_MOST_RUNGS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A point at which weak trials are stopped.

    Attributes:
        epoch: Number of epochs after which trials are compared.
        keep: Number of trials that go on.
    """

    epoch: int
    keep: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutScore:
    """The held-out results of a trial at the end of an epoch.

    Attributes:
        epoch: The epoch, from 1.
        metric: Main metric of the task; None if it has none.
        loss: Loss in nats per token.
    """

    epoch: int
    metric: float | None
    loss: float

    @property
    def rank(self) -> tuple[float, float]:
        """What is larger for the better of two scores: the metric, and for equal metrics the negative loss.

        NaN is worse than any number.
        """
        metric = 0.0 if self.metric is None else self.metric
        return (-math.inf if math.isnan(metric) else metric, -math.inf if math.isnan(self.loss) else -self.loss)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialScores:
    """The scores of a trial.

    Attributes:
        number: Number of the trial. Of trials with equal scores, the one with the lowest number is the best.
        scores: One for the end of each epoch, oldest first.
        is_complete: Whether no more scores follow, because the trial has ended or its last epoch is over. It then
            keeps its score at all later rungs.
        counts: Whether it goes on or has succeeded. Others do not count.
        keeps_best: Whether it keeps the best epoch instead of the last one.
    """

    number: int
    scores: Sequence[HeldOutScore]
    is_complete: bool
    counts: bool = True
    keeps_best: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The decision to stop a trial.

    Attributes:
        score: Its score at the rung.
    """

    number: int
    rung: Rung
    score: HeldOutScore


def make_rungs(num_trials: int, num_epochs: int) -> tuple[Rung, ...]:
    """Return the rungs of a sweep: at an eighth, a quarter and a half of the epochs, each halves the trials.

    Few trials or few epochs have fewer rungs. One trial remains after the last rung, as far as rungs suffice.

    Args:
        num_epochs: Epochs of the longest trial.
    """
    rungs: list[Rung] = []
    keep = num_trials
    num_rungs = min(_MOST_RUNGS, max(0, num_trials - 1).bit_length())
    for halvings in range(num_rungs, 0, -1):
        epoch = -(-num_epochs // 2**halvings)
        keep = -(-keep // 2)
        if epoch >= num_epochs:
            break
        if rungs and rungs[-1].epoch == epoch:
            rungs.pop()
        rungs.append(Rung(epoch=epoch, keep=keep))
    return tuple(rungs)


def choose_stops(trials: Iterable[TrialScores], rungs: Sequence[Rung]) -> tuple[Stop, ...]:
    """Return the trials to stop, each at the first rung at which `keep` others that go on were better."""
    going = {trial.number: trial for trial in trials if trial.counts}
    stops: list[Stop] = []
    for rung in rungs:
        scores = {number: score for number, trial in going.items() if (score := _score_at(trial, rung)) is not None}
        order = sorted(scores, key=lambda number: (scores[number].rank, -number), reverse=True)
        for number in order[rung.keep :]:
            stops.append(Stop(number=number, rung=rung, score=scores[number]))
            del going[number]
    return tuple(stops)


def kept_score(scores: Iterable[HeldOutScore], *, keeps_best: bool) -> HeldOutScore | None:
    """Return the score of the epoch that a trial keeps, the best or the last one; None without scores."""
    scores = list(scores)
    if keeps_best:
        return max(scores, key=lambda score: score.rank, default=None)
    return scores[-1] if scores else None


def expected_epochs(rungs: Sequence[Rung], num_trials: int, num_epochs: int) -> float:
    """Return how many of its epochs a trial makes on average, if every trial is as good as any other."""
    made, start, going = 0.0, 0, 1.0
    for rung in rungs:
        end = min(rung.epoch, num_epochs)
        made += going * (end - start)
        start, going = end, min(going, rung.keep / num_trials)
    return made + going * (num_epochs - start)


def _score_at(trial: TrialScores, rung: Rung) -> HeldOutScore | None:
    """Return the score of the epoch kept up to a rung; None if the trial has not reached it."""
    within = [score for score in trial.scores if score.epoch <= rung.epoch]
    has_reached = trial.is_complete or (bool(trial.scores) and trial.scores[-1].epoch >= rung.epoch)
    return kept_score(within, keeps_best=trial.keeps_best) if has_reached else None
