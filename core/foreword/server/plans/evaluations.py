"""Planning of requested evaluations: the systems with their models, the task, and the estimated time. Methods block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from foreword.domain.dataset import Dataset
from foreword.domain.evaluation import (
    MAX_ANSWERS,
    MAX_EVALUATED_ROWS,
    EvaluatedSystem,
    EvaluationConfig,
)
from foreword.domain.machine_speed import Machine
from foreword.domain.report_limits import MAX_WARNINGS_BYTES, limit_findings
from foreword.domain.tuned_model import TunedModel
from foreword.domain.violations import Violations, fields_below
from foreword.errors import NotFoundError
from foreword.names import DatasetName, TunedModelName
from foreword.plugin.interfaces import Task
from foreword.plugin.manager import PluginManager
from foreword.server.convert.evaluation_request import AskedSystem, NewEvaluation
from foreword.server.plans.evaluation_warnings import EvaluationWarnings
from foreword.server.plans.references import check_labelled
from foreword.server.plans.row_reading import open_row_sequence
from foreword.server.plans.task_choice import choose_installed_task
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.tuning.measuring import HELD_OUT_SHARE
from foreword.tuning.planning.speed import TuningSpeed

_BYTES_PER_TOKEN: Final = 4
"""Bytes of text per token, roughly: the time is an estimate, and is known better after the first batch."""

_SHOT_NAMES: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSystem:
    """A system of a request with its model.

    Attributes:
        tuned: The tuned model; None for a base model without tuning.
    """

    asked: AskedSystem
    base_model: str
    tuned: TunedModel | None

    def is_same(self, other: FoundSystem) -> bool:
        """Return whether both are the same model, asked in the same way, whatever they are called."""
        models = [(item.base_model, None if item.tuned is None else item.tuned.id) for item in (self, other)]
        asked = [replace(item.asked, id="", model="") for item in (self, other)]
        return models[0] == models[1] and asked[0] == asked[1]


class EvaluationPlanner:
    """A planner, which computes the configuration of evaluations and estimates their time.

    Args:
        speed: Estimates the speed of a base model before its first run.
    """

    def __init__(
        self, *, database: Database, artifacts: ArtifactStore, plugins: PluginManager, speed: TuningSpeed
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._artifacts = artifacts
        self._speed = speed
        self._speeds = MachineSpeeds(database)

    def plan(
        self, tenant: str, requested: NewEvaluation, systems: Sequence[FoundSystem], reader: str | None = None
    ) -> tuple[EvaluationConfig, float]:
        """Return the configuration with all defaults and its warnings, and the estimated time in seconds.

        Without a dataset, only what does not depend on the rows is checked, and the time is 0.

        Args:
            reader: The creator to whose datasets the caller is limited; None for any.

        Raises:
            NotFoundError: A dataset does not exist.
            InvalidArgumentError: A value does not suit the models, the task or the data.
            ArtifactError: The stored rows are missing or corrupt.
        """
        datasets = DatasetRepository(self._database, tenant)
        dataset = None if requested.dataset is None else datasets.get(requested.dataset.dataset)
        violations = Violations()
        if dataset is not None:
            _check_size(violations, dataset, systems)
            check_labelled(violations, "evaluation.dataset", dataset)
        tuned = [system.tuned for system in systems if system.tuned is not None]
        for place, system in enumerate(systems):
            _check_system(violations, f"evaluation.systems[{place}]", system)
            same = next((other for other in range(place) if systems[other].is_same(system)), None)
            if same is not None:
                problem = f"is asked just like systems[{same}]; leave one of them out"
                violations.add(f"evaluation.systems[{place}]", problem)
        for name in requested.task_option_names if tuned else ():
            violations.add(
                f"evaluation.task_options.{name}", "must be unset, because the labels are those of the tuned models"
            )
        violations.check()
        task = self._task(requested, systems, tuned, dataset)
        if task is None or dataset is None:
            return self._config(requested, systems, task, None, None), 0.0
        for place, system in enumerate(systems):
            if system.asked.constrained and not task.closed:
                violations.add(
                    f"evaluation.systems[{place}].constrained",
                    f"must be unset, because answers of the task {task.id} are free text",
                )
        examples = self._examples(datasets, violations, requested, systems, tuned)
        violations.check()
        config = self._config(requested, systems, task, dataset, examples)
        models = [system.tuned for system in systems]
        with open_row_sequence(self._artifacts, dataset) as rows:
            warnings = EvaluationWarnings(
                artifacts=self._artifacts, datasets=datasets, reader=reader, dataset=dataset, rows=rows
            ).find(task, list(zip(config.systems, models, strict=True)), examples)
            config = replace(config, warnings=limit_findings(warnings, MAX_WARNINGS_BYTES)[0])
        return config, self._estimate(config, dataset)

    def _config(
        self,
        requested: NewEvaluation,
        systems: Sequence[FoundSystem],
        task: Task | None,
        dataset: Dataset | None,
        examples: Dataset | None,
    ) -> EvaluationConfig:
        return EvaluationConfig(
            dataset="" if dataset is None else dataset.id,
            task="" if task is None else task.id,
            task_options=requested.task_options,
            systems=_identified(systems, lambda base: self._plugins.base_model(base).spec.revision),
            examples_dataset=None if examples is None else examples.id,
        )

    def _task(
        self,
        requested: NewEvaluation,
        systems: Sequence[FoundSystem],
        tuned: Sequence[TunedModel],
        dataset: Dataset | None,
    ) -> Task | None:
        """Return the task, after all of its options have been checked; None if only the rows could decide."""
        violations = Violations()
        tasks = self._plugins.tasks
        if requested.task and tasks.get(requested.task) is None:
            names = ", ".join(sorted(tasks.items)) or "none"
            violations.add("evaluation.task", f"{requested.task[:80]!r} is not installed; installed are {names}")
        wanted = requested.task or (tuned[0].task if tuned else "")
        for place, system in enumerate(systems):
            if system.tuned is not None and system.tuned.task != wanted:
                violations.add(
                    f"evaluation.systems[{place}].model",
                    f"was tuned for the task {system.tuned.task}, but the task of the evaluation is {wanted[:80]}; "
                    + ("leave `task` unset" if requested.task else "evaluate it by itself"),
                )
        violations.check()
        if tuned:
            task = tasks.get(wanted)
            assert task is not None, "the resolver checks that the task of a tuned model is installed"
            return task
        if dataset is None:
            return tasks.get(wanted)
        with open_row_sequence(self._artifacts, dataset) as rows:
            task = tasks.get(wanted)
            if task is None:
                task, _ = choose_installed_task(rows, tasks.items, requested.task_options, "evaluation")
            with fields_below("evaluation"):
                task.fit(rows, requested.task_options)
        return task

    def _examples(
        self,
        datasets: DatasetRepository,
        violations: Violations,
        requested: NewEvaluation,
        systems: Sequence[FoundSystem],
        tuned: Sequence[TunedModel],
    ) -> Dataset | None:
        """Return the dataset from which examples are taken; None without systems that need any."""
        if not any(system.asked.shots for system in systems):
            return None
        if requested.examples_dataset is not None:
            examples = datasets.get(requested.examples_dataset.dataset)
            check_labelled(violations, "evaluation.examples_dataset", examples)
            return examples
        if not tuned:
            violations.add(
                "evaluation.examples_dataset",
                "must be set for systems with `shots`, because no tuned model names its training rows",
            )
            return None
        try:
            return datasets.get(tuned[0].dataset)
        except NotFoundError:
            violations.add(
                "evaluation.examples_dataset",
                f"must be set, because {DatasetName(tuned[0].tenant, tuned[0].dataset)}, the training rows of "
                f"{TunedModelName(tuned[0].tenant, tuned[0].id)}, have been deleted",
            )
            return None

    def _estimate(self, config: EvaluationConfig, dataset: Dataset) -> float:
        """Return the estimated time of all answers; 0 if the speed of a base model is unknown."""
        tokens_of_row = dataset.byte_size / max(1, dataset.row_count) / _BYTES_PER_TOKEN
        seconds = 0.0
        for system in config.systems:
            spec = self._plugins.base_model(system.base_model).spec
            machine = Machine(base_model=spec.id, device=self._speed.device, dtype=self._speed.dtype)
            price = self._speeds.get(machine, partial(self._speed.seconds_per_token, spec)).seconds_per_token
            if not price:
                return 0.0
            tokens = tokens_of_row * (1 + system.shots) + len(system.instruction) / _BYTES_PER_TOKEN
            seconds += price * HELD_OUT_SHARE * dataset.row_count * min(tokens, spec.context_tokens)
        return seconds


def _check_size(violations: Violations, dataset: Dataset, systems: Sequence[FoundSystem]) -> None:
    count = dataset.row_count * len(systems)
    if dataset.row_count > MAX_EVALUATED_ROWS:
        violations.add(
            "evaluation.dataset",
            f"has {dataset.row_count:,} rows, but at most {MAX_EVALUATED_ROWS:,} can be evaluated; upload a sample",
        )
    elif count > MAX_ANSWERS:
        violations.add(
            "evaluation.systems",
            f"would give {count:,} answers, {len(systems)} to each of {dataset.row_count:,} rows, but at most "
            f"{MAX_ANSWERS:,} are possible; evaluate fewer systems at once, or a sample of the rows",
        )


def _check_system(violations: Violations, prefix: str, system: FoundSystem) -> None:
    """Check that what is set suits the kind of model."""
    if system.tuned is None:
        return
    asked = system.asked
    for field, is_set in (
        ("shots", asked.shots),
        ("constrained", asked.constrained),
        ("instruction", asked.instruction),
        ("verbalizer", asked.verbalizer),
    ):
        if is_set:
            violations.add(
                f"{prefix}.{field}", "must be unset, because the model is tuned: it is asked as it was trained"
            )


def _identified(systems: Sequence[FoundSystem], revision_of: Callable[[str], str]) -> tuple[EvaluatedSystem, ...]:
    """Return the systems, each with an id of its own.

    Args:
        revision_of: Returns the revision of a base model's weights.
    """
    taken = {system.asked.id for system in systems if system.asked.id}
    found: list[EvaluatedSystem] = []
    for system in systems:
        asked = system.asked
        id = asked.id or _free_id(_usual_id(system), taken)
        taken.add(id)
        found.append(
            EvaluatedSystem(
                id=id,
                model=asked.model,
                base_model=system.base_model,
                tuned_model=None if system.tuned is None else system.tuned.id,
                shots=asked.shots,
                constrained=asked.constrained,
                instruction=asked.instruction,
                verbalizer=asked.verbalizer,
                base_revision=revision_of(system.base_model),
            )
        )
    return tuple(found)


def _usual_id(system: FoundSystem) -> str:
    if system.tuned is not None:
        return "tuned"
    suffix = "_constrained" if system.asked.constrained else ""
    return f"base_{_SHOT_NAMES[system.asked.shots]}_shot{suffix}"


def _free_id(wanted: str, taken: set[str]) -> str:
    id, number = wanted, 2
    while id in taken:
        id, number = f"{wanted}_{number}", number + 1
    return id
