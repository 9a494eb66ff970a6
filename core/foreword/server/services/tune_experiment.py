"""TuneExperimentService: plans, queues, watches, changes, cancels, retries and compares tuning runs."""

from __future__ import annotations

from typing import Any

from foreword.domain.experiment import TuneExperiment
from foreword.errors import InvalidArgumentError
from foreword.names import TenantName, TuneExperimentName, check_id
from foreword.server.callers.auth import current_caller, require_own
from foreword.server.calls.pools import BEGIN_SECONDS, READ_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert import experiment as convert
from foreword.server.convert.comparison import comparison, parse_compared
from foreword.server.convert.experiment_change import parse_experiment_change
from foreword.server.jobs.comparisons import ExperimentComparer
from foreword.server.jobs.retries import ExperimentRetrier
from foreword.server.jobs.watches import Watches
from foreword.server.plans.experiments import Planner
from foreword.server.plans.references import readable_references, require_own_references
from foreword.server.services.idempotency import request_key
from foreword.server.services.job_calls import JobCalls
from foreword.server.services.job_rpcs import JobRpcs
from foreword.server.services.responses import converted
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.database import Database
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.v1 import tune_experiment_pb2, tune_experiment_service_pb2, tune_experiment_service_pb2_grpc


class TuneExperimentService(
    JobRpcs[TuneExperiment, TuneExperimentName, tune_experiment_pb2.TuneExperiment],
    tune_experiment_service_pb2_grpc.TuneExperimentServiceServicer,
):
    """The implementation of `foreword.v1.TuneExperimentService`.

    Args:
        max_queued: Maximum number of queued experiments of a tenant.
        heartbeat_seconds: Maximum time during which a watch sends nothing.
    """

    item_field = "tune_experiment"
    list_response = tune_experiment_service_pb2.ListTuneExperimentsResponse
    watch_response = tune_experiment_service_pb2.WatchTuneExperimentResponse

    GetTuneExperiment = JobRpcs.get_job
    ListTuneExperiments = JobRpcs.list_jobs
    WatchTuneExperiment = JobRpcs.watch_job
    CancelTuneExperiment = JobRpcs.cancel_job
    DeleteTuneExperiment = JobRpcs.delete_job

    def __init__(
        self,
        *,
        database: Database,
        deletions: ArtifactDeletions,
        planner: Planner,
        comparer: ExperimentComparer,
        retrier: ExperimentRetrier,
        pools: Pools,
        watches: Watches,
        max_queued: int,
        heartbeat_seconds: float,
    ) -> None:
        self._pools = pools
        self._database = database
        self._planner = planner
        self._comparer = comparer
        self._retrier = retrier
        self._max_queued = max_queued
        self._jobs = JobCalls(
            name=TuneExperimentName.parse,
            repository=lambda tenant: ExperimentRepository(database, tenant),
            get=lambda name: ExperimentRepository(database, name.tenant).get(name.tune_experiment, after_sequence=0),
            find=lambda name: ExperimentRepository(database, name.tenant).get(name.tune_experiment),
            convert=convert.tune_experiment,
            deletions=deletions,
            pools=pools,
            watches=watches,
            heartbeat_seconds=heartbeat_seconds,
        )

    async def CreateTuneExperiment(
        self, request: tune_experiment_service_pb2.CreateTuneExperimentRequest, context: Any
    ) -> tune_experiment_pb2.TuneExperiment:
        """Plan an experiment and queue it."""
        new = convert.parse_new_experiment(request)
        key = request_key("CreateTuneExperiment", request)
        caller = current_caller()
        require_own(new.tenant or caller.tenant, request.parent)
        require_own_references(new)
        if not new.validate_only:
            made = await self._jobs.replayed(key)
            if made is not None:
                return made
        start = await readable_references(self._pools.storage, self._database, new)
        config, plan = await self._pools.work.run(
            caller.tenant,
            BEGIN_SECONDS,
            self._planner.plan,
            caller.tenant,
            new,
            start,
            caller.reads_only_of,
        )
        if new.validate_only:
            return convert.planned_experiment(caller.tenant, new, config, plan)
        created = await self._pools.storage.run(
            caller.tenant,
            WRITE_SECONDS,
            ExperimentRepository(self._database, caller.tenant).create,
            display_name=new.display_name,
            description=new.description,
            id=new.id,
            config=config,
            plan=plan,
            creator=caller.api_key,
            tags=new.tags,
            request=key,
            max_queued=self._max_queued,
        )
        return convert.tune_experiment(created)

    async def UpdateTuneExperiment(
        self, request: tune_experiment_service_pb2.UpdateTuneExperimentRequest, context: Any
    ) -> tune_experiment_pb2.TuneExperiment:
        """Change the description or the tags of an experiment."""
        change = parse_experiment_change(request)
        key = request_key("UpdateTuneExperiment", request)
        require_own(change.name.tenant, str(change.name))
        repository = ExperimentRepository(self._database, change.name.tenant)
        _, message = await converted(
            self._pools.storage,
            lambda: repository.update(
                change.name.tune_experiment, description=change.description, tags=change.tags, request=key
            ),
            convert.tune_experiment,
            cost=WRITE_SECONDS,
        )
        return message

    async def RetryTuneExperiment(
        self, request: tune_experiment_service_pb2.RetryTuneExperimentRequest, context: Any
    ) -> tune_experiment_pb2.TuneExperiment:
        """Repeat an experiment that has failed or was cancelled, as a new one."""
        if request.tune_experiment_id:
            check_id(request.tune_experiment_id, "tune_experiment_id")
        key = request_key("RetryTuneExperiment", request)
        made = await self._jobs.replayed(key)
        if made is not None:
            return made
        first = await self._jobs.find(request.name)
        created = await self._pools.files.run(
            first.tenant,
            WRITE_SECONDS,
            self._retrier.retry,
            first,
            id=request.tune_experiment_id or None,
            from_beginning=request.from_beginning,
            creator=current_caller().api_key,
            request=key,
        )
        return convert.tune_experiment(created)

    async def CompareTuneExperiments(
        self, request: tune_experiment_service_pb2.CompareTuneExperimentsRequest, context: Any
    ) -> tune_experiment_service_pb2.CompareTuneExperimentsResponse:
        """Return what differs between experiments, and their results side by side."""
        names = parse_compared(request)
        tenant = current_caller().tenant
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        found = await self._comparer.compare(names)
        return await self._pools.storage.run(tenant, READ_SECONDS, comparison, tenant, found)

    def _after_sequence(self, request: Any) -> int:
        sequence: int = request.after_sequence
        if sequence < 0:
            raise InvalidArgumentError.of("after_sequence", f"must be at least 0, not {sequence}")
        return sequence
