"""From a requested experiment to its configuration and plan. Everything here blocks; call it from a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import TypeVar

from foreword.data.rows import read_rows
from foreword.data.task_choice import choose_task
from foreword.domain.base_model import BaseModelSpec
from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, ExperimentState, TunePlan
from foreword.domain.report import Finding, Severity
from foreword.domain.violations import Violations, fields_below
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import BaseModel, Task, TuningMethod
from foreword.plugin.manager import PluginManager
from foreword.plugin.register import Register
from foreword.server.convert.experiment import NewExperiment
from foreword.server.token_counts import TokenCounters
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.datasets import ROWS_FILE, DatasetRepository
from foreword.storage.experiments import ExperimentRepository
from foreword.tuning.plan import make_plan
from foreword.tuning.speed import TuningSpeed

Item = TypeVar("Item")

_RECENT_EXPERIMENTS = 20
_RECENT_SNAPSHOTS = 20


class Planner:
    """Plans experiments.

    Args:
        default_base_model: Base model of experiments that name none.
        speed: Estimates the time of the first runs.
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
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._plugins = plugins
        self._tokens = tokens
        self._default_base_model = default_base_model
        self._speed = speed

    def plan(self, tenant: str, requested: NewExperiment) -> tuple[ExperimentConfig, TunePlan]:
        """The configuration with every default filled in, and what it will do.

        Raises:
            NotFoundError: The dataset or the base model does not exist.
            InvalidArgumentError: A value does not fit the model, the task or the data.
            FailedPreconditionError: The base model cannot be tuned, or the dataset has too few rows.
        """
        task, method = self._task_and_method(requested)
        model = self._plugins.base_model(requested.base_model or self._default_base_model)
        dataset = DatasetRepository(self._database, tenant).get(requested.dataset.dataset)
        rows = read_rows(self._artifacts.read(dataset.artifact, ROWS_FILE))
        chosen: tuple[Finding, ...] = ()
        if task is None:
            task, chosen = self._choose_task(rows, requested)
        config = ExperimentConfig(
            base_model=model.spec.id,
            dataset=dataset.id,
            task=task.id,
            task_options=requested.task_options,
            tuning_type=method.id,
            verbalizer=requested.verbalizer or task.default_verbalizer,
            parameters=requested.parameters,
            instruction=requested.instruction or requested.parameters.init_text or "",
            evaluate_base=requested.evaluate_base,
        )
        plan = self._make_plan(tenant, config, model, task, method, rows)
        return config, replace(plan, warnings=(*plan.warnings, *chosen, *_alias(requested.base_model, model.spec)))

    def _make_plan(
        self,
        tenant: str,
        config: ExperimentConfig,
        model: BaseModel,
        task: Task,
        method: TuningMethod,
        rows: Sequence[Row],
    ) -> TunePlan:
        seconds_per_row = self._seconds_per_row(tenant, model.spec.id, method.id)
        return make_plan(
            config=config,
            spec=model.spec,
            task=task,
            method=method,
            rows=rows,
            count_tokens=self._tokens.counter(model),
            seconds_per_row=seconds_per_row,
            seconds_per_token=0.0 if seconds_per_row else self._speed.seconds_per_token(model.spec),
        )

    def _task_and_method(self, requested: NewExperiment) -> tuple[Task | None, TuningMethod]:
        """What the request names; no task when it leaves the choice to the rows."""
        violations = Violations()
        task = None
        if requested.task:
            task = _installed(violations, "tune_experiment.task", self._plugins.tasks, requested.task)
        methods = self._plugins.tuning_methods
        method = _installed(violations, "tune_experiment.tuning_type", methods, requested.tuning_type)
        violations.check()
        assert method is not None
        return task, method

    def _choose_task(self, rows: Sequence[Row], requested: NewExperiment) -> tuple[Task, tuple[Finding, ...]]:
        """The installed task that suits the rows, with its reason.

        Raises:
            InvalidArgumentError: No task suits them, or none takes the options that are set.
        """
        tasks = self._plugins.tasks.items
        with fields_below("tune_experiment"):
            choice = choose_task(rows, tasks, requested.task_options)
        if choice.task is None:
            names = ", ".join(sorted(tasks)) or "none"
            raise InvalidArgumentError.of(
                "tune_experiment.task", f"is unset, and no installed task suits the rows; set it. Installed are {names}"
            )
        return choice.task, choice.findings

    def _seconds_per_row(self, tenant: str, base_model: str, tuning_type: str) -> float:
        """How long a training row took in the tenant's newest finished run of this kind; 0 when unknown."""
        experiments = ExperimentRepository(self._database, tenant)
        for finished in experiments.list(_RECENT_EXPERIMENTS, "", (ExperimentState.SUCCEEDED,)).items:
            if (finished.config.base_model, finished.config.tuning_type) != (base_model, tuning_type):
                continue
            newest = max(0, finished.last_sequence - _RECENT_SNAPSHOTS)
            snapshots = experiments.get(finished.id, after_sequence=newest).snapshots
            speeds = [snapshot.examples_per_second for snapshot in snapshots if snapshot.examples_per_second > 0]
            if speeds:
                return 1 / fmean(speeds)
        return 0.0


def _alias(requested: str, spec: BaseModelSpec) -> list[Finding]:
    """A remark where the settings, not the model itself, let it answer to the requested name."""
    own = (spec.id, *spec.aliases)
    if not requested or requested.removeprefix("baseModels/").replace("/", "--") in own:
        return []
    return [
        Finding(
            severity=Severity.INFO,
            code="BASE_MODEL_ALIAS",
            message=f"{requested} is an alias on this service: baseModels/{spec.id} is tuned.",
            source="plan",
        )
    ]


def _installed(violations: Violations, field: str, register: Register[Item], id: str) -> Item | None:
    found = register.get(id)
    if found is None:
        names = ", ".join(sorted(register.items)) or "none"
        violations.add(field, f"{id[:80]!r} is not installed; installed are {names}")
    return found
