"""Sweeps: the search space, its combinations, the plan, and the trials."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from foreword.domain.experiment import ExperimentConfig, ExperimentState, Progress
from foreword.domain.failure import Failure
from foreword.domain.halving import HeldOutScore, Rung, Stop
from foreword.domain.report import Finding
from foreword.domain.report_limits import cut_text
from foreword.domain.trial import Trial
from foreword.errors import ErrorKind

MAX_TRIALS: Final = 64
"""Maximum number of trials of a sweep."""

MAX_SEEDS: Final = 16
"""Maximum number of trials of a combination."""

MAX_SWEPT: Final = 8
"""Maximum number of parameters that differ from trial to trial."""

MAX_SHOWN_VALUE: Final = 200
"""Maximum length in characters of the value of a swept parameter as trials show it."""

TRIAL_STOPPED: Final = "TRIAL_STOPPED"
"""Reason of a trial that its sweep has stopped early."""

_DIGITS: Final = 3  # significant digits of numbers that are drawn from a range


class Search(Enum):
    """How the combinations are chosen."""

    GRID = "grid"
    RANDOM = "random"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptRange:
    """A range of numbers, both ends included: `SweptRange(minimum=0.003, maximum=0.3, logarithmic=True)`.

    Attributes:
        logarithmic: Whether the logarithms of the numbers are spread evenly, as suits learning rates.
        whole: Whether only whole numbers are drawn. The service knows for which parameters.
    """

    minimum: float
    maximum: float
    logarithmic: bool = False
    whole: bool = False

    def draw(self, generator: random.Random) -> float:
        """Return a number of the range, with few digits."""
        if self.logarithmic:
            number = math.exp(generator.uniform(math.log(self.minimum), math.log(self.maximum)))
        else:
            number = generator.uniform(self.minimum, self.maximum)
        number = round(number) if self.whole else float(f"{number:.{_DIGITS}g}")
        return min(max(number, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptParameter:
    """A parameter that differs from trial to trial.

    Attributes:
        name: Field of TuneParameters, `method_parameters.NAME`, or `tuning_type`.
        values: Its values; empty if they are drawn from `range`.
    """

    name: str
    values: tuple[Any, ...] = ()
    range: SweptRange | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpace:
    """What the trials of a sweep are.

    Attributes:
        max_combinations: Number of combinations of a random search; maximum of a grid.
        num_seeds: Number of trials of each combination.
        seed: Seed of a random search.
    """

    parameters: tuple[SweptParameter, ...]
    search: Search
    max_combinations: int
    num_seeds: int
    seed: int
    halving: bool

    @property
    def size(self) -> int:
        """Number of different combinations, without those of ranges."""
        return math.prod(len(parameter.values) for parameter in self.parameters if parameter.values)

    def combinations(self) -> list[Mapping[str, Any]]:
        """Return the combinations, each with the values by name: at most `max_combinations`, and no two equal ones."""
        if self.search is Search.GRID:
            products = itertools.product(*(parameter.values for parameter in self.parameters))
            names = [parameter.name for parameter in self.parameters]
            return [
                dict(zip(names, values, strict=True)) for values in itertools.islice(products, self.max_combinations)
            ]
        generator = random.Random(f"sweep/{self.seed}")  # noqa: S311 - no secret
        if all(parameter.range is None for parameter in self.parameters):
            places = generator.sample(range(self.size), min(self.max_combinations, self.size))
            return [self._at(place) for place in sorted(places)]
        found: dict[str, Mapping[str, Any]] = {}
        for _ in range(100 * self.max_combinations):  # a small range of whole numbers has few different ones
            drawn = {
                parameter.name: parameter.range.draw(generator)
                if parameter.range
                else generator.choice(parameter.values)
                for parameter in self.parameters
            }
            found.setdefault(repr(drawn), drawn)
            if len(found) == self.max_combinations:
                break
        return list(found.values())

    def _at(self, place: int) -> Mapping[str, Any]:
        """Return a combination of the grid by its place."""
        values: dict[str, Any] = {}
        for parameter in reversed(self.parameters):
            place, digit = divmod(place, len(parameter.values))
            values[parameter.name] = parameter.values[digit]
        return dict(reversed(values.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """The plan of a sweep. `TuneSweepPlan` in the API describes the fields."""

    trial_count: int
    validation_row_count: int
    rungs: tuple[Rung, ...]
    planned_updates: int
    estimated_seconds: float
    warnings: tuple[Finding, ...]

    @property
    def estimated_capacity_unit_hours(self) -> float:
        """Estimated cost in hours of one worker."""
        return self.estimated_seconds / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStatus:
    """A trial as it is now.

    Attributes:
        experiment: Id of its experiment; empty if it was only planned.
        score: Held-out score of the epoch that it keeps so far; None before the end of the first epoch.
    """

    experiment: str
    trial: Trial
    state: ExperimentState
    failure: Failure | None
    score: HeldOutScore | None
    progress: Progress
    compute_seconds: float
    tuned_model: str | None
    update_time: datetime | None
    end_time: datetime | None


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
class TuneSweep:
    """A sweep.

    Attributes:
        config: What all trials have in common; its `parameters` lack the swept ones.
        trials: All trials, by number.
        is_cancelled: Whether cancellation was requested.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    config: ExperimentConfig
    space: SearchSpace
    plan: SweepPlan
    trials: tuple[TrialStatus, ...]
    is_cancelled: bool
    creator: str
    create_time: datetime

    @property
    def state(self) -> SweepState:
        """The state that follows from the trials."""
        if not all(trial.state.ended for trial in self.trials):
            if self.is_cancelled:
                return SweepState.CANCELLING
            is_queued = all(trial.state is ExperimentState.QUEUED for trial in self.trials)
            return SweepState.QUEUED if is_queued else SweepState.RUNNING
        if self.tuned_model is not None:
            return SweepState.SUCCEEDED
        return SweepState.CANCELLED if self.is_cancelled else SweepState.FAILED

    @property
    def best(self) -> TrialStatus | None:
        """The best trial with a tuned model; before any has one, the best so far."""
        made = [trial for trial in self.trials if trial.tuned_model is not None]
        scored = [(trial, trial.score) for trial in made or self.trials if trial.score is not None]
        best = max(scored, key=lambda pair: (pair[1].rank, -pair[0].trial.number), default=None)
        return None if best is None else best[0]

    @property
    def tuned_model(self) -> str | None:
        """Id of the best trial's tuned model, once all trials have ended."""
        best = self.best
        return best.tuned_model if best is not None and all(trial.state.ended for trial in self.trials) else None

    @property
    def compute_seconds(self) -> float:
        """Compute time of all trials."""
        return sum(trial.compute_seconds for trial in self.trials)

    @property
    def update_time(self) -> datetime:
        """Time of the last change of a trial."""
        return max((trial.update_time for trial in self.trials if trial.update_time), default=self.create_time)

    @property
    def end_time(self) -> datetime | None:
        """Time at which the last trial ended; None before."""
        times = [trial.end_time for trial in self.trials if trial.end_time is not None]
        return max(times) if times and len(times) == len(self.trials) else None


def stop_reason(stop: Stop) -> Failure:
    """Return the reason that a stopped trial shows."""
    score, rung = stop.score, stop.rung
    value = f"loss {score.loss:.3f}" if score.metric is None else f"score {score.metric:.3f} and loss {score.loss:.3f}"
    others = f"{rung.keep} others were" if rung.keep > 1 else "another was"
    return Failure(
        kind=ErrorKind.CANCELLED.value,
        reason=TRIAL_STOPPED,
        message=f"Its sweep stopped this trial: at epoch {rung.epoch}, {others} better on the held-out rows, where it "
        f"had {value}.",
    )


def shown_value(value: Any) -> Any:
    """Return the value of a swept parameter as trials show it: texts are cut, and lists as well, as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= MAX_SHOWN_VALUE else cut_text(text, MAX_SHOWN_VALUE)


def describe_values(values: Mapping[str, Any], seed: int, *, num_seeds: int) -> str:
    """Return the values of a trial in short: `learning_rate=0.03, seed=1`."""
    shown = [
        f"{name}={value:.10g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    ]
    return ", ".join([*shown, *([f"seed={seed}"] if num_seeds > 1 else ())])


def seeds_of(first: int, count: int) -> Sequence[int]:
    """Return the seeds of the trials of a combination."""
    return range(first, first + count)
