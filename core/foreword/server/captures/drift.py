"""The comparison of captured requests with the training data of their model, on request and at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from foreword.data.rows import read_rows
from foreword.domain.drift import DEFAULT_REQUESTS, DriftReport, DriftVerdict, TrainingSample
from foreword.domain.tuned_model import TunedModel
from foreword.drift.measures import measure
from foreword.drift.reference import sample_rows
from foreword.errors import ArtifactError, FailedPreconditionError, ForewordError, NotFoundError
from foreword.names import DeploymentName, TunedModelName
from foreword.observability.logging import get_logger
from foreword.plugin.manager import PluginManager
from foreword.server.calls.pools import BEGIN_SECONDS, WRITE_SECONDS, Pools
from foreword.server.captures.redaction import Redactor
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.captures.drift import DriftData, DriftSchedule
from foreword.storage.database import Database
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.turns.cancellation import give_way
from foreword.turns.turn_pool import SERVICE

_LOOK_SECONDS: Final = 60.0
_log = get_logger("drift")


class DriftMeasurer:
    """The measurement of drift. It takes a second of a thread, and longer at first for a model with a large dataset."""

    def __init__(
        self, *, database: Database, artifacts: ArtifactStore, plugins: PluginManager, redactor: Redactor
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._plugins = plugins
        self._redactor = redactor

    def measure(
        self, name: DeploymentName, *, max_requests: int = DEFAULT_REQUESTS, since: datetime | None = None
    ) -> DriftReport:
        """Compare the newest captured requests of a deployment with the training data of the model in service.

        Args:
            max_requests: Number of requests, at most.
            since: Time before which requests do not count; None for any.

        Raises:
            NotFoundError: The deployment does not exist.
            FailedPreconditionError: Its model is a base model, or was deleted.
            CancelledError: The caller has gone.
        """
        model = self._model(name)
        data = DriftData(self._database, name.tenant)
        requests = data.newest_requests(
            name.space,
            name.deployment,
            model=str(TunedModelName(name.tenant, model.id)),
            limit=max_requests,
            since=since,
        )
        task = self._plugins.tasks.get(model.task)
        calibration = model.answer_calibration
        measures = measure(
            requests,
            self._sample(data, model),
            () if calibration is None else calibration.held_out_answers,
            has_labels=task is not None and task.closed,
            check=give_way,
        )
        return DriftReport(
            model=str(TunedModelName(name.tenant, model.id)),
            request_count=len(requests),
            first_time=requests[-1].create_time if requests else None,
            last_time=requests[0].create_time if requests else None,
            measure_time=self._database.now(),
            measures=measures,
        )

    def _model(self, name: DeploymentName) -> TunedModel:
        """Return the tuned model that a deployment serves, or is about to serve."""
        deployment = DeploymentRepository(self._database, name.tenant).get(name.space, name.deployment)
        reference = (deployment.serving or deployment.revisions[0]).model
        if reference.tuned_model is None:
            raise FailedPreconditionError(
                f"{name} serves a base model, which was tuned on no data that requests could be compared with. Deploy "
                "a tuned model.",
                reason="NO_TRAINING_DATA",
                metadata={"resource": str(name)},
            )
        try:
            return TunedModelRepository(self._database, name.tenant).get(reference.tuned_model)
        except NotFoundError as error:
            raise FailedPreconditionError(
                f"The model of {name} was deleted. Update the deployment to another model.",
                reason="MODEL_DELETED",
                metadata={"resource": error.resource},
            ) from None

    def _sample(self, data: DriftData, model: TunedModel) -> TrainingSample | None:
        """Return the sample of the training rows of a model, made on first use; None if the rows are gone."""
        known = data.training_sample(model.id)
        if known is not None:
            return known
        dataset = DatasetRepository(self._database, model.tenant).find(model.dataset)
        if dataset is None:
            return None
        try:
            with open_rows(self._artifacts, dataset) as file:
                made = sample_rows(
                    read_rows(file), dataset.row_count, self._redactor.text, self._target(model), check=give_way
                )
        except ArtifactError as error:
            _log.warning("training_rows_unreadable", model=model.id, reason=error.reason)
            return None
        data.keep_training_sample(model.id, made)
        return made

    def _target(self, model: TunedModel) -> Callable[[str], str] | None:
        """Return the function that returns the canonical form of an output; None for a task without labels."""
        task = self._plugins.tasks.get(model.task)
        return partial(task.target, schema=model.schema) if task is not None and task.closed else None


class DriftMonitor:
    """The comparison at intervals, for metrics and alerts. All servers of a database share the work."""

    def __init__(self, *, database: Database, measurer: DriftMeasurer, pools: Pools) -> None:
        self._schedule = DriftSchedule(database)
        self._measurer = measurer
        self._work, self._storage = pools.work, pools.storage

    async def run(self) -> None:
        """Look for deployments that are due until the task is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                await self.look()
            except ForewordError:
                pass  # the database has logged the cause once; it may recover
            except Exception:  # the root of a background task
                _log.exception("drift_not_measured")

    async def look(self) -> None:
        """Compare the requests of deployments that are due."""
        for due in await self._storage.run(SERVICE, WRITE_SECONDS, self._schedule.take_due):
            try:
                report = await self._work.run(SERVICE, BEGIN_SECONDS, self._measurer.measure, due.deployment)
            except (FailedPreconditionError, NotFoundError):
                continue  # a base model, or gone
            if await self._storage.run(SERVICE, WRITE_SECONDS, self._schedule.store, due, report):
                drifted = [item.kind.value for item in report.measures if item.verdict is DriftVerdict.DRIFTED]
                _log.warning("drift_detected", deployment=str(due.deployment), measures=drifted)
