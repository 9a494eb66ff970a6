"""Batch jobs."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from typing import Any

from foreword.client import encode, resources
from foreword.client._async.datasets import DatasetMethods
from foreword.client._async.watching import WatchMethods
from foreword.client.batch_resources import BatchAnswer, BatchJob
from foreword.client.decode_batch import batch_answer
from foreword.client.decode_batch import batch_job as decoded
from foreword.client.keywords import GenerateKeywords
from foreword.client.message import build, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.client.rows import Rows, default_name
from foreword.domain.batch_job import AnswerSelection
from foreword.domain.label_options import LabelOptions
from foreword.v1 import batch_job_pb2, batch_job_service_pb2_grpc
from foreword.v1 import batch_job_service_pb2 as messages

_COLLECTION = "batchJobs"


class BatchJobMethods(DatasetMethods, WatchMethods):
    """Methods of `BatchJobService`."""

    @cached_property
    def _batch_jobs(self) -> Any:
        return self._connection.stub(batch_job_service_pb2_grpc.BatchJobServiceStub)

    async def batch(
        self,
        rows: Rows | resources.Dataset,
        model: Reference,
        *,
        display_name: str = "",
        description: str = "",
        classify: LabelOptions | None = None,
        generate: GenerateKeywords | None = None,
        wait: bool = True,
        timeout_seconds: float | None = None,
    ) -> BatchJob:
        """Answer many rows with a model, in the background of the service.

            from foreword.client import LabelOptions, frames

            job = client.batch(frame, "complaints", classify=LabelOptions(min_precision=0.9))
            frames.batch_answers(client.list_batch_answers(job), frame)

        Args:
            rows: Unlabelled rows: path of a JSONL, JSON or CSV file with the column `input`, its bytes, a pandas
                DataFrame with the column `input`, or an iterable of texts or of mappings with `input`. Their other
                columns, up to 64 KiB of JSON for a row, come back in the answers. Or a stored dataset.
            model: Serving name, deployment, tuned model or base model, like the argument `model` of `classify`; a tuned
                model may also be given by its id or its display name.
            display_name: Human-readable name. Default: the name of the file or the dataset.
            classify: How labels are chosen. Default for models that were tuned for a closed task.
            generate: How text is generated, such as `{"max_new_tokens": 20}`. Default for other models.
            wait: Wait for the answers; otherwise return the queued job.
            timeout_seconds: Maximum time to wait. Default: no limit.

        Returns:
            The job. `list_batch_answers` yields its answers, and `foreword.client.frames.batch_answers` makes a frame
            of them.

        Raises:
            NotFoundError: The model does not exist. It and the options are checked before the upload.
            InvalidArgumentError: Values are wrong. The error names all of them.
            InvalidRowsError: Rows are faulty. The error names all of them.
            FailedPreconditionError: The job failed; the message has the reason.
            DeadlineExceededError: The job has not ended in time; it continues.
        """
        options: dict[str, Any] = {"description": description, "classify": classify, "generate": generate}
        uploaded: list[resources.Dataset] = []
        async with self._deleted_when_refused(uploaded):
            if not isinstance(rows, resources.Dataset):
                display_name = display_name or default_name(rows)
                await self.create_batch_job(None, model, display_name=display_name, validate_only=True, **options)
                rows = await self.upload_dataset(rows, display_name=display_name, unlabelled=True, reuse_identical=True)
                uploaded.append(rows)
            created = await self.create_batch_job(
                rows, model, display_name=display_name or rows.display_name, **options
            )
        return await self.wait_for_batch_job(created, timeout_seconds=timeout_seconds) if wait else created

    async def create_batch_job(
        self,
        dataset: Reference | None,
        model: Reference,
        *,
        display_name: str,
        description: str = "",
        classify: LabelOptions | None = None,
        generate: GenerateKeywords | None = None,
        batch_job_id: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> BatchJob:
        """Queue a batch job on a stored dataset. The arguments are those of `batch`.

        Args:
            dataset: None with `validate_only`, to check the model and the options before rows are uploaded.
            display_name: Human-readable name, which the service makes unique with ` (1)`, ` (2)` and so on.
            batch_job_id: Last part of the resource name. Default: chosen by the service.
            request_id: Makes the call idempotent for at least 24 hours, also in another process. Default: a new one.
            validate_only: Check the request and return the job with its plan, and create nothing.

        Raises:
            InvalidArgumentError: Values are wrong. The error names all of them.
            NotFoundError: The dataset or the model does not exist.
            FailedPreconditionError: The deployment is not ready, or the model has no labels or no calibration.
            ExhaustedError: Too many batch jobs are queued.
            AlreadyExistsError: The request id was already used with other content.
        """
        message = build(
            batch_job_pb2.BatchJob,
            "batch_job",
            display_name=display_name,
            description=description,
            **_request(classify, generate),
        )
        request = build(
            messages.CreateBatchJobRequest,
            batch_job=message,
            batch_job_id=batch_job_id,
            request_id=request_id or new_request_id(),
            validate_only=validate_only,
        )
        references: dict[str, tuple[Reference, str]] = {"batch_job.model": (model, "models")}
        if dataset is not None:
            references["batch_job.dataset"] = (dataset, "datasets")
        answer = await self._call(self._batch_jobs.CreateBatchJob, request, references)
        return decoded(answer, planned=validate_only)

    async def get_batch_job(self, batch_job: Reference) -> BatchJob:
        """Return a batch job.

        Raises:
            NotFoundError: The batch job does not exist in the caller's tenant.
        """
        references = {"name": (batch_job, _COLLECTION)}
        return decoded(await self._call(self._batch_jobs.GetBatchJob, messages.GetBatchJobRequest(), references))

    async def list_batch_jobs(
        self, *, filter: str = "", order_by: str = "", limit: int | None = None
    ) -> list[BatchJob]:
        """Return the batch jobs.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `state = RUNNING`; the comment of
                `ListBatchJobsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc`. Default: newest first.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListBatchJobsRequest, filter=filter, order_by=order_by)
        return await self._pages(self._batch_jobs.ListBatchJobs, request, lambda page: page.batch_jobs, decoded, limit)

    async def watch_batch_job(self, batch_job: Reference) -> AsyncGenerator[BatchJob]:
        """Yield a batch job whenever it changes, until it has ended. A broken stream is continued.

        Raises:
            NotFoundError: The batch job does not exist in the caller's tenant.
            UnavailableError: The service was unavailable for a minute.
        """
        async with aclosing(self._watch_batch_job(batch_job, math.inf)) as changes:
            async for current in changes:
                yield current

    async def _watch_batch_job(self, batch_job: Reference, deadline: float) -> AsyncGenerator[BatchJob]:
        """Watch a batch job until it has ended or the deadline, a time of `time.monotonic`, has passed."""
        request = messages.WatchBatchJobRequest()
        known: BatchJob | None = None
        method = self._batch_jobs.WatchBatchJob
        async with aclosing(self._watched(method, request, batch_job, _COLLECTION, deadline)) as changes:
            async for message in changes:
                current = decoded(message.batch_job)
                # A heartbeat and the start of a new stream repeat what is already known.
                bare = replace(current, update_time=None, capacity_unit_hours=0.0)
                if bare != known:
                    yield current
                known = bare
                if current.state.ended:
                    return

    async def wait_for_batch_job(
        self,
        batch_job: Reference,
        *,
        timeout_seconds: float | None = None,
        on_change: Callable[[BatchJob], None] | None = None,
    ) -> BatchJob:
        """Wait until every row of a batch job has an answer or an error, and return the job.

        Args:
            timeout_seconds: Maximum time to wait. Default: no limit.
            on_change: Called with the job whenever it changes, to show progress.

        Raises:
            FailedPreconditionError: The job failed; the message has the reason.
            CancelledError: The job was cancelled.
            DeadlineExceededError: The job has not ended in time; it continues.
        """
        name = await self._name(batch_job, _COLLECTION)
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        async with aclosing(self._watch_batch_job(batch_job, deadline)) as changes:
            return await self._succeeded(changes, name, deadline, on_change, "BATCH_JOB_CANCELLED")

    async def cancel_batch_job(self, batch_job: Reference) -> BatchJob:
        """Ask a batch job to stop. The answers so far are kept. Cancelling again has no effect.

        Raises:
            NotFoundError: The batch job does not exist in the caller's tenant.
            FailedPreconditionError: The batch job has already succeeded or failed.
        """
        references = {"name": (batch_job, _COLLECTION)}
        request = messages.CancelBatchJobRequest()
        return decoded(await self._call(self._batch_jobs.CancelBatchJob, request, references))

    async def retry_batch_job(
        self, batch_job: Reference, *, from_beginning: bool = False, batch_job_id: str = ""
    ) -> BatchJob:
        """Repeat a batch job that has failed or was cancelled, as a new one with the same configuration.

        It takes over the answers of the first one, which are kept until it is deleted. `resumed_count` of the new one
        says how many. It costs only what it computes itself.

        Args:
            from_beginning: Answer all rows, even if there are answers to take over.
            batch_job_id: Last part of the resource name. Default: chosen by the service.

        Returns:
            The queued batch job. Call `wait_for_batch_job` to wait for its end.

        Raises:
            NotFoundError: The batch job does not exist in the caller's tenant.
            FailedPreconditionError: The batch job has succeeded or not ended, or what it needs was deleted or has
                changed. The message has the remedy.
            ExhaustedError: Too many jobs are queued.
        """
        request = build(
            messages.RetryBatchJobRequest,
            batch_job_id=batch_job_id,
            from_beginning=from_beginning,
            request_id=new_request_id(),
        )
        references = {"name": (batch_job, _COLLECTION)}
        return decoded(await self._call(self._batch_jobs.RetryBatchJob, request, references))

    async def delete_batch_job(self, batch_job: Reference) -> None:
        """Delete a batch job that has ended, with its answers. Its dataset is kept.

        Raises:
            NotFoundError: The batch job does not exist in the caller's tenant.
            FailedPreconditionError: The batch job is queued or running; cancel it first.
        """
        references = {"name": (batch_job, _COLLECTION)}
        request = messages.DeleteBatchJobRequest()
        await self._call(self._batch_jobs.DeleteBatchJob, request, references, gone_is_done=True)

    async def list_batch_answers(
        self,
        batch_job: Reference,
        *,
        selection: AnswerSelection | str = AnswerSelection.ALL,
        after_row: int = 0,
        limit: int | None = None,
    ) -> AsyncGenerator[BatchAnswer]:
        """Yield the answers that a batch job has so far, in the order of the rows.

        Args:
            selection: `failed` for rows that have an error, `abstained` for those that abstained, `all`.
            after_row: Only rows after this one, to continue a download.
            limit: Maximum number of answers. Default: all.

        Raises:
            NotFoundError: The batch job does not exist in the caller's tenant.
            FailedPreconditionError: Stored answers are missing or corrupt.
        """
        chosen = enum_name("selection", AnswerSelection, selection, "SELECTION")
        request = build(messages.ListBatchAnswersRequest, selection=chosen, after_row=after_row)
        references = {"name": (batch_job, _COLLECTION)}
        count = 0
        async with aclosing(
            self._messages(self._batch_jobs.ListBatchAnswers, request, lambda page: page.answers, limit, references)
        ) as answers:
            async for message in answers:
                if limit is not None and count >= limit:
                    return
                count += 1
                yield batch_answer(message)


def _request(classify: LabelOptions | None, generate: GenerateKeywords | None) -> dict[str, Any]:
    """Return the field that says how rows are answered; none for the default of the model.

    Raises:
        TypeError: Both are set, or a generation parameter is unknown.
    """
    if classify is not None and generate is not None:
        raise TypeError("classify and generate exclude each other; leave one of them out")
    if generate is not None:
        return {"generate": encode.generate_parameters(generate)}
    if classify is None:
        return {}
    return {
        "classify": build(
            batch_job_pb2.BatchClassify,
            "batch_job.classify",
            threshold=classify.threshold,
            min_precision=classify.min_precision,
            labels=classify.labels,
            multi_label=classify.multi_label,
            truncate_input_tokens=classify.truncate_input_tokens,
        )
    }
