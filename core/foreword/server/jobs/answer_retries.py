"""Retries of evaluations and batch jobs: their checks, and the copies of the answers that they take over."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from foreword.domain.batch_job import BatchJob
from foreword.domain.evaluation import Evaluation
from foreword.errors import ArtifactError, FailedPreconditionError, NotFoundError
from foreword.names import BatchJobName, EvaluationName, TunedModelName
from foreword.observability.logging import get_logger
from foreword.plugin.manager import PluginManager
from foreword.server.jobs.needs import Needs
from foreword.storage.artifacts.line_files import copy_lines
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.answer_retries import BatchJobRetries, EvaluationRetries, KeptAnswers
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.repositories.tuned_models import TunedModelRepository

_COPIES_AT_ONCE: Final = 8
"""A batch job of 100,000 rows has 800 files, and an object store answers each request after tens of milliseconds."""

_log = get_logger("retries")


class AnswerRetrier:
    """Repeats failed and cancelled evaluations and batch jobs. Methods block.

    Args:
        max_queued: Maximum number of queued jobs of a tenant, of each kind.
    """

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        publisher: ArtifactPublisher,
        plugins: PluginManager,
        max_queued: int,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._publisher = publisher
        self._plugins = plugins
        self._max_queued = max_queued

    def retry_evaluation(self, first: Evaluation, **options: Any) -> Evaluation:
        """Queue an evaluation that repeats another one. The options and errors are those of `retry_batch_job`."""
        retries = EvaluationRetries(self._database, first.tenant)
        kept = retries.kept(first.id)
        needs = Needs(
            plugins=self._plugins, name=str(EvaluationName(first.tenant, first.id)), noun=retries.resource.noun
        )
        needs.plugin("task", first.config.task, self._plugins.tasks)
        for system in first.config.systems:
            needs.base_model(system.base_model, system.base_revision)
            self._check_tuned(needs, first.tenant, system.tuned_model)
        made: Evaluation = self._retry(retries, first, kept, needs.name, **options)
        return made

    def retry_batch_job(self, first: BatchJob, **options: Any) -> BatchJob:
        """Queue a batch job that repeats another one, after the rows that are answered.

        Args:
            options: `id` of the new one, or None to generate one; `from_beginning` to take over no answers; `creator`;
                `request`, the key of the request or None.

        Raises:
            InvalidArgumentError: The id is invalid.
            NotFoundError: It has been deleted meanwhile.
            FailedPreconditionError: It cannot be repeated.
            AlreadyExistsError: The id is taken, or the request id was already used with other content.
            ExhaustedError: The tenant has too many of them queued.
            UnavailableError: The database or the artifact store is unavailable.
        """
        retries = BatchJobRetries(self._database, first.tenant)
        kept = retries.kept(first.id)
        needs = Needs(plugins=self._plugins, name=str(BatchJobName(first.tenant, first.id)), noun=retries.resource.noun)
        needs.base_model(first.config.base_model, "")
        self._check_tuned(needs, first.tenant, first.config.tuned_model)
        made: BatchJob = self._retry(retries, first, kept, needs.name, **options)
        return made

    def _retry(
        self,
        retries: Any,
        first: Evaluation | BatchJob,
        kept: Sequence[KeptAnswers],
        name: str,
        *,
        id: str | None,
        from_beginning: bool,
        creator: str,
        request: RequestKey | None,
    ) -> Any:
        id, create_time = id or self._database.new_id(), self._database.now()
        taken: Sequence[KeptAnswers] = ()
        with ExitStack() as publication:
            if kept and not from_beginning:
                prefix = retries.prefix(id, create_time)
                publication.enter_context(self._publisher.reserve(first.tenant, prefix))
                taken = self._copy(kept, prefix, name)
            return retries.create(
                first.id,
                id=id,
                create_time=create_time,
                answers=taken,
                creator=creator,
                max_queued=self._max_queued,
                request=request,
            )

    def _copy(self, kept: Sequence[KeptAnswers], prefix: str, name: str) -> Sequence[KeptAnswers]:
        """Copy files of answers below a prefix, and return those up to the first that is missing or damaged."""

        def copied(item: KeptAnswers) -> KeptAnswers | None:
            place = item.artifact.rsplit("/", 1)[1].rsplit("-", 1)[0]
            target = f"{prefix}/{place}-0"  # the lease that wrote it is none of the new job
            try:
                copy_lines(self._artifacts, item.artifact, item.sha256, target, resource=name)
            except ArtifactError as error:
                _log.warning("answers_not_taken_over", resource=name, artifact=item.artifact, reason=error.reason)
                return None
            return replace(item, artifact=target)

        taken: list[KeptAnswers] = []
        with ThreadPoolExecutor(_COPIES_AT_ONCE, thread_name_prefix="retry") as threads:
            for item in threads.map(copied, kept):
                if item is None:
                    break
                taken.append(item)
        return taken

    def _check_tuned(self, needs: Needs, tenant: str, id: str | None) -> None:
        """Raise FailedPreconditionError if a tuned model has been deleted."""
        if id is None:
            return
        try:
            TunedModelRepository(self._database, tenant).get(id)
        except NotFoundError as error:
            model = str(TunedModelName(tenant, id))
            raise FailedPreconditionError(
                f"{model}, which {needs.name} asks, has been deleted. Create a new {needs.noun} without it.",
                reason="MODEL_DELETED",
                metadata={"resource": model},
            ) from error
