"""Planning of requested experiments. Methods block; call them from a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeVar

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.dataset import Dataset, Row
from foreword.domain.experiment import ExperimentConfig, TunePlan
from foreword.domain.machine_speed import Machine
from foreword.domain.near_names import did_you_mean
from foreword.domain.report import Finding, Severity
from foreword.domain.report_limits import MAX_WARNINGS_BYTES, limit_findings
from foreword.domain.tuned_model import TunedModel
from foreword.domain.violations import Violations
from foreword.names import EvaluationName
from foreword.plugin.interfaces import BaseModel, Task, TuningMethod
from foreword.plugin.manager import PluginManager
from foreword.plugin.register import Register
from foreword.server.convert.experiment import NewExperiment
from foreword.server.plans.references import check_labelled
from foreword.server.plans.row_reading import open_row_sequence
from foreword.server.plans.task_choice import choose_installed_task
from foreword.server.plans.token_counts import TokenCounters
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.tuning.planning.plan import make_plan
from foreword.tuning.planning.speed import TuningSpeed
from foreword.tuning.planning.worker_memory import WorkerMemory
from foreword.turns.cancellation import give_way

Item = TypeVar("Item")

_MAX_COUNTS_IN_MEMORY: Final = 50_000
"""Texts whose token counts are kept while several runs on them are planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """The size of all datasets of a run."""

    text_bytes: int
    rows: int


class Planner:
    """A planner, which computes the configuration and the plan of experiments.

    Args:
        default_base_model: Base model of experiments that do not name one.
        speed: Estimates the speed of a base model before its first run.
        memory: The memory of a worker, which decides whether a run can share one.
    """

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        plugins: PluginManager,
        tokens: TokenCounters,
        default_base_model: str,
        speed: TuningSpeed,
        memory: WorkerMemory,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._plugins = plugins
        self._tokens = tokens
        self._default_base_model = default_base_model
        self._speed = speed
        self._speeds = MachineSpeeds(database)
        self._memory = memory

    def plan(
        self, tenant: str, requested: NewExperiment, start: TunedModel | None = None, reader: str | None = None
    ) -> tuple[ExperimentConfig, TunePlan]:
        """Return the configuration with all defaults, and its plan.

        Args:
            start: The tuned model that the run starts from; None for another start.
            reader: The creator to whose evaluations the caller is limited; None for any.

        Raises:
            NotFoundError: A dataset or the base model does not exist.
            InvalidArgumentError: A value does not fit the model, the task or the data.
            FailedPreconditionError: The base model cannot be tuned, or the dataset has too few rows.
        """
        ((config, plan),) = self.plan_all(tenant, [requested], start, reader=reader)
        return config, plan

    def plan_all(
        self,
        tenant: str,
        runs: Sequence[NewExperiment],
        start: TunedModel | None = None,
        in_run: Callable[[int], AbstractContextManager[None]] = lambda _: nullcontext(),
        reader: str | None = None,
    ) -> list[tuple[ExperimentConfig, TunePlan]]:
        """Return the configurations and plans of runs with the same base model and datasets, which are read once.

        Args:
            runs: At least one.
            in_run: Context in which the run with that place is planned.
            reader: The creator to whose evaluations the caller is limited; None for any.

        Raises:
            ForewordError: As in `plan`.
        """
        first = runs[0]
        model = self._plugins.base_model(first.base_model or self._default_base_model)
        datasets = DatasetRepository(self._database, tenant)
        count_tokens = self._tokens.counter(model)
        if len(runs) > 1:
            count_tokens = lru_cache(_MAX_COUNTS_IN_MEMORY)(count_tokens)
        plans: list[tuple[ExperimentConfig, TunePlan]] = []
        with ExitStack() as files:
            found = [datasets.get(name.dataset) for name in first.datasets]
            violations = Violations()
            for field, dataset in zip(("dataset", "validation_dataset"), found, strict=False):
                check_labelled(violations, f"tune_experiment.{field}", dataset)
            violations.check()
            size = _Size(text_bytes=sum(item.byte_size for item in found), rows=sum(item.row_count for item in found))
            remarks = self._evaluated_rows(tenant, found[0], reader)
            rows, *validation = (files.enter_context(open_row_sequence(self._artifacts, dataset)) for dataset in found)
            for place, run in enumerate(runs):
                with in_run(place):
                    task, method = self._task_and_method(run)
                    config, plan = self._plan(run, task, method, model, start, count_tokens, size, rows, *validation)
                    warnings = limit_findings((*plan.warnings, *remarks), MAX_WARNINGS_BYTES)[0]
                    plans.append((config, replace(plan, warnings=warnings)))
        return plans

    def main_metric(self, task: str) -> str:
        """Return the id of the main metric of the task of a plan."""
        found = self._plugins.tasks.get(task)
        assert found is not None, "the task of a plan is installed"
        return found.main_metric

    def _plan(
        self,
        requested: NewExperiment,
        task: Task | None,
        method: TuningMethod,
        model: BaseModel,
        start: TunedModel | None,
        count_tokens: Callable[[str], int],
        size: _Size,
        rows: Sequence[Row],
        validation_rows: Sequence[Row] = (),
    ) -> tuple[ExperimentConfig, TunePlan]:
        chosen: tuple[Finding, ...] = ()
        if task is None:
            task, chosen = choose_installed_task(
                rows, self._plugins.tasks.items, requested.task_options, "tune_experiment"
            )
        config = ExperimentConfig(
            base_model=model.spec.id,
            dataset=requested.dataset.dataset,
            validation_dataset=requested.validation_dataset.dataset if requested.validation_dataset else None,
            task=task.id,
            task_options=requested.task_options,
            tuning_type=method.id,
            verbalizer=requested.verbalizer or task.default_verbalizer,
            parameters=requested.parameters,
            instruction=requested.instruction or requested.parameters.init_text or "",
            evaluate_base=requested.evaluate_base,
            split_seed=requested.split_seed,
        )
        plan = make_plan(
            config=config,
            spec=model.spec,
            task=task,
            method=method,
            rows=rows,
            validation_rows=validation_rows,
            start=start,
            count_tokens=count_tokens,
            check=give_way,
            seconds_per_token=self._speeds.get(
                Machine(base_model=model.spec.id, device=self._speed.device, dtype=self._speed.dtype),
                lambda: self._speed.seconds_per_token(model.spec),
            ).seconds_per_token,
        )
        alone = self._memory.finding(
            model.spec, plan, dtype=self._speed.dtype, text_bytes=size.text_bytes, row_count=size.rows
        )
        warnings = (*plan.warnings, *((alone,) if alone else ()), *chosen, *_alias(requested.base_model, model.spec))
        return config, replace(plan, warnings=warnings, runs_alone=alone is not None)

    def _evaluated_rows(self, tenant: str, dataset: Dataset, reader: str | None) -> list[Finding]:
        """Return a remark if an evaluation has used the rows, whose results then say nothing about the tuned model."""
        evaluation = EvaluationRepository(self._database, tenant).newest_on_rows(dataset.content_sha256, reader)
        if evaluation is None:
            return []
        return [
            Finding(
                severity=Severity.INFO,
                code="EVALUATED_ROWS",
                message=f"{EvaluationName(tenant, evaluation)} has evaluated models on these rows.",
                remedy="Evaluate the tuned model on other rows: on these, it would seem better than it is.",
                source="plan",
            )
        ]

    def _task_and_method(self, requested: NewExperiment) -> tuple[Task | None, TuningMethod]:
        """Return the named task and method; the task is None if the rows decide."""
        violations = Violations()
        task = None
        if requested.task:
            task = _installed(violations, "tune_experiment.task", self._plugins.tasks, requested.task)
        methods = self._plugins.tuning_methods
        method = _installed(violations, "tune_experiment.tuning_type", methods, requested.tuning_type)
        violations.check()
        assert method is not None
        return task, method


def _alias(requested: str, spec: BaseModelSpec) -> list[Finding]:
    """Return a remark if the requested name is an alias from the settings, and not one of the model itself."""
    own = (spec.id, *spec.aliases)
    if not requested or requested.removeprefix("baseModels/").replace("/", "--") in own:
        return []
    return [
        Finding(
            severity=Severity.INFO,
            code="BASE_MODEL_ALIAS",
            message=f"{requested} is an alias on this service for baseModels/{spec.id}, which will be tuned.",
            source="plan",
        )
    ]


def _installed(violations: Violations, field: str, register: Register[Item], id: str) -> Item | None:
    found = register.get(id)
    if found is None:
        names = ", ".join(sorted(register.items)) or "none"
        violations.add(field, f"{id[:80]!r} is not installed; installed are {names}{did_you_mean(id, register.items)}")
    return found
