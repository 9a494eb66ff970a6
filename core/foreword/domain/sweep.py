"""Sweeps: the search space, its combinations, the plan, and the trials."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from foreword.domain.experiment import ExperimentConfig, Progress
from foreword.domain.failure import Failure
from foreword.domain.halving import Rung, Stop
from foreword.domain.report import Finding
from foreword.domain.report_limits import cut_text
from foreword.domain.sweep_outcome import SweepOutcome, SweepState, TrialOutcome
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
    main_metric: str = ""

    @property
    def estimated_capacity_unit_hours(self) -> float:
        """Estimated cost in hours of one worker."""
        return self.estimated_seconds / 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStatus(TrialOutcome):
    """A trial as it is now."""

    trial: Trial
    failure: Failure | None
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneSweep:
    """A sweep.

    Attributes:
        config: What all trials have in common; its `parameters` lack the swept ones.
        trials: All trials, by number; empty if the sweep was read without them.
        is_cancelled: Whether cancellation was requested.
        tags: Tags that the trials were created with; see `domain.tags`.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    config: ExperimentConfig
    space: SearchSpace
    plan: SweepPlan
    outcome: SweepOutcome
    trials: tuple[TrialStatus, ...]
    is_cancelled: bool
    creator: str
    create_time: datetime
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> SweepState:
        """The state that follows from the trials."""
        return self.outcome.state

    @property
    def tuned_model(self) -> str | None:
        """Id of the best trial's tuned model, once all trials have ended."""
        return self.outcome.tuned_model

    @property
    def best(self) -> TrialStatus | None:
        """The trial of `outcome.best_trial`; None if there is none, or if the sweep was read without trials."""
        return next((trial for trial in self.trials if trial.experiment == self.outcome.best_trial), None)


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
