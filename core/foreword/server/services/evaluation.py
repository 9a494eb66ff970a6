"""EvaluationService: queues, watches and cancels evaluations, and lists their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from foreword.domain.evaluation import AnsweredRow, Evaluation
from foreword.domain.job import JobState
from foreword.domain.violations import fields_below
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.names import BaseModelName, EvaluationName, check_id
from foreword.server.callers.auth import current_caller, require_own
from foreword.server.calls.pools import BEGIN_SECONDS, READ_SECONDS, ROW_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert import evaluation as convert
from foreword.server.convert.evaluation_request import AskedSystem, parse_new_evaluation
from foreword.server.convert.paging import page_size
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.jobs.answer_retries import AnswerRetrier
from foreword.server.jobs.watches import Watches
from foreword.server.plans.evaluations import EvaluationPlanner, FoundSystem
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
from foreword.storage.repositories.answered_rows import open_answered_rows, read_answered_page
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.v1 import evaluation_pb2, evaluation_service_pb2, evaluation_service_pb2_grpc

_DEFAULT_ROWS: Final = 50

_Request = evaluation_service_pb2.ListEvaluationRowsRequest
_SELECTIONS: Final[dict[int, tuple[str, Callable[[AnsweredRow], bool]]]] = {
    _Request.SELECTION_UNSPECIFIED: ("all", lambda _: True),
    _Request.SELECTION_ALL: ("all", lambda _: True),
    _Request.SELECTION_DIFFERENT: ("different", lambda row: row.is_different),
    _Request.SELECTION_WRONG: ("wrong", lambda row: row.scores[0] is not None and row.scores[0] < 1.0),
}


class EvaluationService(
    JobRpcs[Evaluation, EvaluationName, evaluation_pb2.Evaluation],
    evaluation_service_pb2_grpc.EvaluationServiceServicer,
):
    """The implementation of `foreword.v1.EvaluationService`.

    Args:
        max_queued: Maximum number of queued evaluations of a tenant.
        heartbeat_seconds: Maximum time during which a watch sends nothing.
    """

    item_field = "evaluation"
    list_response = evaluation_service_pb2.ListEvaluationsResponse
    watch_response = evaluation_service_pb2.WatchEvaluationResponse

    GetEvaluation = JobRpcs.get_job
    ListEvaluations = JobRpcs.list_jobs
    WatchEvaluation = JobRpcs.watch_job
    CancelEvaluation = JobRpcs.cancel_job
    DeleteEvaluation = JobRpcs.delete_job

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        deletions: ArtifactDeletions,
        planner: EvaluationPlanner,
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
            name=EvaluationName.parse,
            repository=lambda tenant: EvaluationRepository(database, tenant),
            get=lambda name: EvaluationRepository(database, name.tenant).get(name.evaluation),
            find=lambda name: EvaluationRepository(database, name.tenant).get_without_results(name.evaluation),
            convert=convert.evaluation,
            deletions=deletions,
            pools=pools,
            watches=watches,
            heartbeat_seconds=heartbeat_seconds,
        )

    async def CreateEvaluation(
        self, request: evaluation_service_pb2.CreateEvaluationRequest, context: Any
    ) -> evaluation_pb2.Evaluation:
        """Look up the systems of an evaluation and queue it."""
        new = parse_new_evaluation(request)
        key = request_key("CreateEvaluation", request)
        caller = current_caller()
        require_own(new.tenant or caller.tenant, request.parent)
        for dataset in new.datasets:
            require_own(dataset.tenant, str(dataset))
        if not new.validate_only:
            made = await self._jobs.replayed(key)
            if made is not None:
                return made
        for dataset in new.datasets:  # because the rows show their content
            await self._readable.dataset(dataset)
        systems: list[FoundSystem] = []
        for place, system in enumerate(new.systems):
            with fields_below(f"evaluation.systems[{place}]"):
                systems.append(await self._find(caller.tenant, system))
        config, estimated_seconds = await self._pools.work.run(
            caller.tenant, BEGIN_SECONDS, self._planner.plan, caller.tenant, new, systems, caller.reads_only_of
        )
        if new.validate_only:
            return convert.planned_evaluation(
                caller.tenant, new.display_name, new.description, config, estimated_seconds
            )
        created = await self._pools.storage.run(
            caller.tenant,
            WRITE_SECONDS,
            EvaluationRepository(self._database, caller.tenant).create,
            display_name=new.display_name,
            description=new.description,
            id=new.id,
            config=config,
            estimated_seconds=estimated_seconds,
            creator=caller.api_key,
            request=key,
            max_queued=self._max_queued,
        )
        return convert.evaluation(created)

    async def RetryEvaluation(
        self, request: evaluation_service_pb2.RetryEvaluationRequest, context: Any
    ) -> evaluation_pb2.Evaluation:
        """Repeat an evaluation that has failed or was cancelled, as a new one."""
        if request.evaluation_id:
            check_id(request.evaluation_id, "evaluation_id")
        key = request_key("RetryEvaluation", request)
        made = await self._jobs.replayed(key)
        if made is not None:
            return made
        first = await self._jobs.find(request.name)
        created = await self._pools.files.run(
            first.tenant,
            WRITE_SECONDS,
            self._retrier.retry_evaluation,
            first,
            id=request.evaluation_id or None,
            from_beginning=request.from_beginning,
            creator=current_caller().api_key,
            request=key,
        )
        return convert.evaluation(created)

    async def ListEvaluationRows(
        self, request: evaluation_service_pb2.ListEvaluationRowsRequest, context: Any
    ) -> evaluation_service_pb2.ListEvaluationRowsResponse:
        """List the rows of an evaluation with the answers of all systems, in order."""
        size = page_size(request) or _DEFAULT_ROWS
        selection = _SELECTIONS.get(request.selection)
        if selection is None:
            raise InvalidArgumentError.of(
                "selection", f"must be one of {', '.join(_Request.Selection.keys())}, not {request.selection}"
            )
        found = await self._jobs.find(request.name)
        return await fill_page(
            self._pools.files,
            evaluation_service_pb2.ListEvaluationRowsResponse(),
            "rows",
            lambda take: self._read_rows(found, selection, size, request.page_token, take),
            lambda row: convert.evaluation_row(row, found.config.systems),
            cost=READ_SECONDS + size * ROW_SECONDS,
        )

    def _read_rows(
        self,
        evaluation: Evaluation,
        selection: tuple[str, Callable[[AnsweredRow], bool]],
        size: int,
        page_token: str,
        take: Take[AnsweredRow],
    ) -> Page[AnsweredRow]:
        if evaluation.rows is None:
            raise _without_rows(evaluation)
        chosen, keeps = selection
        with open_answered_rows(self._artifacts, evaluation, evaluation.rows) as file:
            tokens = page_tokens(self._database)
            return read_answered_page(file, evaluation, chosen, size, page_token, tokens, keeps=keeps, take=take)

    async def _find(self, tenant: str, system: AskedSystem) -> FoundSystem:
        """Look up the model of a system. The errors are those of `ReadableResources`."""
        found, tuned = await self._readable.model(tenant, system.model)
        base_model = BaseModelName.parse(found.version).model if tuned is None else tuned.base_model
        return FoundSystem(asked=system, base_model=base_model, tuned=tuned)


def _without_rows(evaluation: Evaluation) -> FailedPreconditionError:
    name = str(EvaluationName(evaluation.tenant, evaluation.id))
    if evaluation.state is JobState.FAILED and evaluation.failure is not None:
        remedy = f"It has failed without an answer: {evaluation.failure.message}"
    elif evaluation.state.ended and evaluation.progress.answered_count:
        remedy = (
            "It was cancelled while no worker was there to score its answers. A retry takes them over: foreword "
            f"evaluations retry {evaluation.id}"
        )
    elif evaluation.state.ended:
        remedy = "It was cancelled before it had an answer. Retry it, or create it again."
    else:
        remedy = "Wait until it has ended."
    return FailedPreconditionError(
        f"{name} has no rows to list. {remedy}",
        reason="EVALUATION_WITHOUT_ROWS",
        metadata={"resource": name, "state": evaluation.state.value},
    )
