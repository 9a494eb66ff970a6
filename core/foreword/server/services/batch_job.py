"""BatchJobService: queues, watches and cancels batch jobs, and lists their answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from foreword.domain.batch_job import AnswerSelection, BatchAnswer, BatchJob
from foreword.domain.violations import Violations, fields_below
from foreword.names import BatchJobName, check_id
from foreword.server.callers.auth import current_caller, require_own
from foreword.server.calls.pools import BEGIN_SECONDS, READ_SECONDS, ROW_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert import batch_job as convert
from foreword.server.convert.paging import page_size
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.jobs.answer_retries import AnswerRetrier
from foreword.server.jobs.watches import Watches
from foreword.server.plans.batch_jobs import BatchPlanner
from foreword.server.services.idempotency import request_key
from foreword.server.services.job_calls import JobCalls
from foreword.server.services.job_rpcs import JobRpcs
from foreword.server.services.readable import ReadableResources
from foreword.server.services.responses import fill_page
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.lists.page_tokens import page_tokens
from foreword.storage.lists.pages import Page, Take
from foreword.storage.repositories.batch_answers import MOST_PARTS_READ, read_answers_page
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.v1 import batch_job_pb2, batch_job_service_pb2, batch_job_service_pb2_grpc

_DEFAULT_ROWS: Final = 100

_Request = batch_job_service_pb2.ListBatchAnswersRequest
_Selection = tuple[AnswerSelection, Callable[[BatchAnswer], bool]]
_SELECTIONS: Final[dict[int, _Selection]] = {
    _Request.SELECTION_UNSPECIFIED: (AnswerSelection.ALL, lambda _: True),
    _Request.SELECTION_ALL: (AnswerSelection.ALL, lambda _: True),
    _Request.SELECTION_FAILED: (AnswerSelection.FAILED, lambda answer: answer.failure is not None),
    _Request.SELECTION_ABSTAINED: (AnswerSelection.ABSTAINED, lambda answer: answer.abstained),
}


class BatchJobService(
    JobRpcs[BatchJob, BatchJobName, batch_job_pb2.BatchJob], batch_job_service_pb2_grpc.BatchJobServiceServicer
):
    """The implementation of `foreword.v1.BatchJobService`.

    Args:
        max_queued: Maximum number of queued batch jobs of a tenant.
        heartbeat_seconds: Maximum time during which a watch sends nothing.
    """

    item_field = "batch_job"
    list_response = batch_job_service_pb2.ListBatchJobsResponse
    watch_response = batch_job_service_pb2.WatchBatchJobResponse

    GetBatchJob = JobRpcs.get_job
    ListBatchJobs = JobRpcs.list_jobs
    WatchBatchJob = JobRpcs.watch_job
    CancelBatchJob = JobRpcs.cancel_job
    DeleteBatchJob = JobRpcs.delete_job

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        deletions: ArtifactDeletions,
        planner: BatchPlanner,
        retrier: AnswerRetrier,
        models: ModelResolver,
        pools: Pools,
        watches: Watches,
        max_queued: int,
        heartbeat_seconds: float,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._planner = planner
        self._retrier = retrier
        self._readable = ReadableResources(database=database, models=models, pools=pools)
        self._pools = pools
        self._max_queued = max_queued
        self._jobs = JobCalls(
            name=BatchJobName.parse,
            repository=lambda tenant: BatchJobRepository(database, tenant),
            get=lambda name: BatchJobRepository(database, name.tenant).get(name.batch_job),
            convert=convert.batch_job,
            deletions=deletions,
            pools=pools,
            watches=watches,
            heartbeat_seconds=heartbeat_seconds,
        )

    async def CreateBatchJob(
        self, request: batch_job_service_pb2.CreateBatchJobRequest, context: Any
    ) -> batch_job_pb2.BatchJob:
        """Look up the model of a batch job and queue it."""
        new = convert.parse_new_batch_job(request)
        key = request_key("CreateBatchJob", request)
        caller = current_caller()
        require_own(new.tenant or caller.tenant, request.parent)
        if new.dataset is not None:
            require_own(new.dataset.tenant, str(new.dataset))
        if not new.validate_only:
            made = await self._jobs.replayed(key)
            if made is not None:
                return made
        dataset = None if new.dataset is None else await self._readable.dataset(new.dataset)
        with fields_below("batch_job"):
            model, _ = await self._readable.model(caller.tenant, new.model)
        config, plan = await self._pools.work.run(caller.tenant, BEGIN_SECONDS, self._planner.plan, new, model, dataset)
        if new.validate_only:
            return convert.planned_batch_job(caller.tenant, new.display_name, new.description, config, plan)
        assert plan is not None, "only requests that are not carried out may lack a dataset"
        created = await self._pools.storage.run(
            caller.tenant,
            WRITE_SECONDS,
            BatchJobRepository(self._database, caller.tenant).create,
            display_name=new.display_name,
            description=new.description,
            id=new.id,
            config=config,
            plan=plan,
            creator=caller.api_key,
            request=key,
            max_queued=self._max_queued,
        )
        return convert.batch_job(created)

    async def RetryBatchJob(
        self, request: batch_job_service_pb2.RetryBatchJobRequest, context: Any
    ) -> batch_job_pb2.BatchJob:
        """Repeat a batch job that has failed or was cancelled, as a new one."""
        if request.batch_job_id:
            check_id(request.batch_job_id, "batch_job_id")
        key = request_key("RetryBatchJob", request)
        made = await self._jobs.replayed(key)
        if made is not None:
            return made
        first = await self._jobs.find(request.name)
        created = await self._pools.files.run(
            first.tenant,
            WRITE_SECONDS,
            self._retrier.retry_batch_job,
            first,
            id=request.batch_job_id or None,
            from_beginning=request.from_beginning,
            creator=current_caller().api_key,
            request=key,
        )
        return convert.batch_job(created)

    async def ListBatchAnswers(
        self, request: batch_job_service_pb2.ListBatchAnswersRequest, context: Any
    ) -> batch_job_service_pb2.ListBatchAnswersResponse:
        """List the answers that a batch job has so far, in the order of the rows."""
        size = page_size(request) or _DEFAULT_ROWS
        selection = _SELECTIONS.get(request.selection)
        violations = Violations()
        if selection is None:
            names = ", ".join(_Request.Selection.keys())
            violations.add("selection", f"must be one of {names}, not {request.selection}")
        violations.number("after_row", request.after_row, minimum=0)
        if request.after_row and request.page_token:
            violations.add("after_row", "must be unset with page_token, which continues where the page ended")
        violations.check()
        assert selection is not None
        job = await self._jobs.find(request.name)
        return await fill_page(
            self._pools.files,
            batch_job_service_pb2.ListBatchAnswersResponse(),
            "answers",
            partial(self._read_answers, job, selection, size, request.page_token, request.after_row),
            convert.batch_answer,
            cost=READ_SECONDS + size * ROW_SECONDS,
        )

    def _read_answers(
        self,
        job: BatchJob,
        selection: _Selection,
        size: int,
        page_token: str,
        after_row: int,
        take: Take[BatchAnswer],
    ) -> Page[BatchAnswer]:
        repository = BatchJobRepository(self._database, job.tenant)
        chosen, keeps = selection
        return read_answers_page(
            self._artifacts,
            job,
            lambda after: repository.parts(job.id, after_row=after, limit=MOST_PARTS_READ, selection=chosen),
            selection=chosen.value,
            page_size=size,
            page_token=page_token,
            after_row=after_row,
            tokens=page_tokens(self._database),
            keeps=keeps,
            take=take,
        )
