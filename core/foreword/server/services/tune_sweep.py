"""TuneSweepService: plans, queues, shows and cancels sweeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from google.protobuf import empty_pb2

from foreword.domain.experiment import ExperimentConfig
from foreword.domain.sweep import SweepPlan, describe_values
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FieldViolation, InvalidArgumentError
from foreword.names import TenantName, TuneSweepName
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import BEGIN_SECONDS, READ_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert import sweep as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.convert.sweep_request import NewSweep, parse_new_sweep
from foreword.server.plans.experiments import Planner
from foreword.server.plans.references import readable_references, require_own_references
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import converted, fill_page
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.database import Database
from foreword.storage.repositories.sweeps import PlannedTrial, SweepRepository
from foreword.tuning.planning.sweep_plan import plan_sweep
from foreword.v1 import tune_sweep_pb2, tune_sweep_service_pb2, tune_sweep_service_pb2_grpc

_TRIAL_SECONDS = 0.002
"""Estimated cost of reading or writing a trial."""


class TuneSweepService(tune_sweep_service_pb2_grpc.TuneSweepServiceServicer):
    """The implementation of `foreword.v1.TuneSweepService`.

    Args:
        max_queued: Maximum number of queued experiments of a tenant, trials included.
    """

    def __init__(
        self, *, database: Database, deletions: ArtifactDeletions, planner: Planner, pools: Pools, max_queued: int
    ) -> None:
        self._database = database
        self._deletions = deletions
        self._planner = planner
        self._pools = pools
        self._max_queued = max_queued

    async def CreateTuneSweep(
        self, request: tune_sweep_service_pb2.CreateTuneSweepRequest, context: Any
    ) -> tune_sweep_pb2.TuneSweep:
        """Plan a sweep and queue its trials."""
        new = parse_new_sweep(request)
        key = request_key("CreateTuneSweep", request)
        caller = current_caller()
        require_own(new.tenant or caller.tenant, request.parent)
        require_own_references(new.common)
        repository = SweepRepository(self._database, caller.tenant)
        if not new.validate_only:
            made = await self._pools.storage.run(caller.tenant, READ_SECONDS, repository.find_replayed, key)
            if made is not None:
                return convert.tune_sweep(made)
        start = await readable_references(self._pools.storage, self._database, new.common)
        config, plan, trials = await self._pools.work.run(
            caller.tenant, BEGIN_SECONDS, self._plan, caller.tenant, new, start, caller.reads_only_of
        )
        if new.validate_only:
            return convert.planned_sweep(caller.tenant, new, config, plan)
        created = await self._pools.storage.run(
            caller.tenant,
            WRITE_SECONDS + len(trials) * _TRIAL_SECONDS,
            repository.create,
            display_name=new.display_name,
            description=new.description,
            id=new.id,
            config=config,
            space=new.space,
            plan=plan,
            trials=trials,
            creator=caller.api_key,
            tags=new.common.tags,
            request=key,
            max_queued=self._max_queued,
        )
        return convert.tune_sweep(created)

    async def GetTuneSweep(
        self, request: tune_sweep_service_pb2.GetTuneSweepRequest, context: Any
    ) -> tune_sweep_pb2.TuneSweep:
        """Return a sweep with its trials."""
        name = self._name(request.name)
        repository = SweepRepository(self._database, name.tenant)
        found, message = await converted(
            self._pools.storage, lambda: repository.get(name.tune_sweep), convert.tune_sweep
        )
        require_readable(found.creator, request.name)
        return message

    async def ListTuneSweeps(
        self, request: tune_sweep_service_pb2.ListTuneSweepsRequest, context: Any
    ) -> tune_sweep_service_pb2.ListTuneSweepsResponse:
        """List sweeps, by default newest first and without their trials."""
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request, creator=caller.reads_only_of)
        repository = SweepRepository(self._database, caller.tenant)
        return await fill_page(
            self._pools.storage,
            tune_sweep_service_pb2.ListTuneSweepsResponse(),
            "tune_sweeps",
            lambda take: repository.list(listed, take=take),
            convert.tune_sweep,
        )

    async def CancelTuneSweep(
        self, request: tune_sweep_service_pb2.CancelTuneSweepRequest, context: Any
    ) -> tune_sweep_pb2.TuneSweep:
        """Request the cancellation of all trials."""
        name = self._name(request.name)
        repository = SweepRepository(self._database, name.tenant)
        _, message = await converted(
            self._pools.storage,
            lambda: repository.request_cancel(name.tune_sweep),
            convert.tune_sweep,
            cost=WRITE_SECONDS,
        )
        return message

    async def DeleteTuneSweep(
        self, request: tune_sweep_service_pb2.DeleteTuneSweepRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete a sweep that has ended, with its trials."""
        name = self._name(request.name)
        repository = SweepRepository(self._database, name.tenant)
        for checkpoints in await self._pools.storage.run(
            name.tenant, WRITE_SECONDS, repository.delete, name.tune_sweep
        ):
            await self._pools.files.run(name.tenant, WRITE_SECONDS, self._deletions.delete, checkpoints)
        return empty_pb2.Empty()

    def _plan(
        self, tenant: str, new: NewSweep, start: TunedModel | None, reader: str | None
    ) -> tuple[ExperimentConfig, SweepPlan, list[PlannedTrial]]:
        """Return what all trials have in common, the plan of the sweep and its trials. It blocks.

        Args:
            reader: The creator to whose evaluations the caller is limited; None for any.

        Raises:
            InvalidArgumentError: A value does not fit the model, the task or the data; the error names the trial.
        """

        @contextmanager
        def in_trial(place: int) -> Iterator[None]:
            trial = new.trials[place]
            assert trial.run.parameters.seed is not None
            values = describe_values(trial.values, trial.run.parameters.seed, num_seeds=new.space.num_seeds)
            try:
                yield
            except InvalidArgumentError as error:
                raise InvalidArgumentError(
                    [
                        FieldViolation(
                            field=f"tune_sweep.{item.field}",
                            description=f"{item.description} (in trial {place + 1}: {values[:200]})",
                        )
                        for item in error.violations
                    ],
                    reason=error.reason,
                ) from error

        plans = self._planner.plan_all(tenant, [trial.run for trial in new.trials], start, in_trial, reader)
        trials = [
            PlannedTrial(values=trial.values, config=config, plan=plan)
            for trial, (config, plan) in zip(new.trials, plans, strict=True)
        ]
        config = replace(trials[0].config, tuning_type=new.common.tuning_type, parameters=new.common.parameters)
        plan = plan_sweep(
            [trial.plan for trial in trials],
            halving=new.space.halving,
            main_metric=self._planner.main_metric(config.task),
        )
        if plan.validation_row_count == 0:
            raise InvalidArgumentError.of(
                "tune_sweep.tune_experiment.parameters.validation_split",
                "holds out no rows, but trials are compared on held-out rows; raise it, or set validation_dataset",
            )
        return config, plan, trials

    def _name(self, text: str) -> TuneSweepName:
        name = TuneSweepName.parse(text)
        require_own(name.tenant, text)
        return name
