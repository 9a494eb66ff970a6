# Generated from `_async/evaluations.py` by `unasync.py`. Change that file, then run: make client

"""Evaluations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from foreword.client import encode, resources
from foreword.client._sync.datasets import DatasetMethods
from foreword.client._sync.waiting import in_thread
from foreword.client._sync.watching import WatchMethods
from foreword.client.decode_evaluation import evaluation as decoded
from foreword.client.decode_evaluation import evaluation_row
from foreword.client.encode_evaluation import Systems, evaluated_systems
from foreword.client.evaluation_resources import EvaluatedSystem, Evaluation, EvaluationRow, RowSelection
from foreword.client.message import build, collected, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.client.rows import Rows, default_name, examples_name
from foreword.domain.experiment import TaskOptions
from foreword.domain.resource_view import ResourceView
from foreword.v1 import evaluation_pb2, evaluation_service_pb2_grpc
from foreword.v1 import evaluation_service_pb2 as messages

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLLECTION = "evaluations"


class EvaluationMethods(DatasetMethods, WatchMethods):
    """Methods of `EvaluationService`."""

    @cached_property
    def _evaluations(self) -> Any:
        return self._connection.stub(evaluation_service_pb2_grpc.EvaluationServiceStub)

    def evaluate(
        self,
        dataset: Rows | resources.Dataset,
        systems: Systems,
        *,
        display_name: str = "",
        description: str = "",
        examples_dataset: Rows | resources.Dataset | None = None,
        task: str = "",
        task_options: TaskOptions | None = None,
        wait: bool = True,
        timeout_seconds: float | None = None,
    ) -> Evaluation:
        """Measure models on labelled rows, all on the same ones, and compare the others with the first.

            from foreword.client import EvaluatedSystem

            client.evaluate("test.jsonl", ["complaints", EvaluatedSystem(model="baseModels/starter", shots=3)])

        Args:
            dataset: The rows, as in `tune`. Rows that are stored under this display name already are not stored again.
            systems: At most 8 models, or `EvaluatedSystem`s for base models that are asked in a certain way. The first
                is the one that the others are compared with.
            display_name: Human-readable name. Default: the name of the file or the dataset.
            examples_dataset: Rows from which the examples of systems with `shots` are taken. Default: the dataset of
                the first tuned model.
            task: Id of the task. Default: that of the tuned models, or else the one that suits the rows.
            task_options: Options of the task, such as its labels. Only without tuned models.
            wait: Wait for the results; otherwise return the queued evaluation.
            timeout_seconds: Maximum time to wait. Default: no limit.

        Returns:
            The evaluation. `foreword.client.frames.results` returns its results as a frame, and `list_evaluation_rows`
            its rows.

        Raises:
            NotFoundError: A model does not exist. The systems are checked before the upload.
            InvalidArgumentError: Values are wrong. The error names all of them; uploaded datasets are deleted.
            InvalidRowsError: Rows are faulty. The error names all of them.
            FailedPreconditionError: The evaluation failed; the message has the reason.
            DeadlineExceededError: The evaluation has not ended in time; it continues.
        """
        asked: list[Reference | EvaluatedSystem] = collected("systems", systems)
        uploaded: list[resources.Dataset] = []
        options: dict[str, Any] = {"task": task, "task_options": task_options, "reuse_identical": True}
        with self._deleted_when_refused(uploaded):
            name = display_name
            if not isinstance(dataset, resources.Dataset):
                name = name or default_name(dataset)
                self.create_evaluation(
                    None, asked, display_name=name, task=task, task_options=task_options, validate_only=True
                )
                dataset = self._dataset_of(dataset, uploaded, display_name=name, **options)
            if examples_dataset is not None and not isinstance(examples_dataset, resources.Dataset):
                examples_dataset = self._dataset_of(
                    examples_dataset, uploaded, display_name=examples_name(examples_dataset, name), **options
                )
            created = self.create_evaluation(
                dataset,
                asked,
                display_name=name or dataset.display_name,
                description=description,
                examples_dataset=examples_dataset,
                task=task,
                task_options=task_options,
            )
        return self.wait_for_evaluation(created, timeout_seconds=timeout_seconds) if wait else created

    def create_evaluation(
        self,
        dataset: Reference | None,
        systems: Systems,
        *,
        display_name: str,
        description: str = "",
        examples_dataset: Reference | None = None,
        task: str = "",
        task_options: TaskOptions | None = None,
        evaluation_id: str = "",
        validate_only: bool = False,
    ) -> Evaluation:
        """Queue an evaluation on a stored dataset. The arguments are those of `evaluate`.

        Args:
            dataset: None with `validate_only`, to check the systems before rows are uploaded.
            display_name: Human-readable name, which the service makes unique with ` (1)`, ` (2)` and so on.
            examples_dataset: Stored dataset from which examples are taken.
            evaluation_id: Last part of the resource name. Default: chosen by the service.
            validate_only: Check the request and return the evaluation with its systems, and create nothing.

        Raises:
            InvalidArgumentError: Values are wrong. The error names all of them.
            NotFoundError: A dataset or a model does not exist.
            FailedPreconditionError: A deployment is not ready, or a model cannot be used any more.
            ExhaustedError: Too many jobs are queued.
        """
        encoded, references = evaluated_systems(systems)
        if dataset is not None:
            references["evaluation.dataset"] = (dataset, "datasets")
        if examples_dataset is not None:
            references["evaluation.examples_dataset"] = (examples_dataset, "datasets")
        message = build(
            evaluation_pb2.Evaluation,
            "evaluation",
            display_name=display_name,
            description=description,
            systems=encoded,
            task=task,
            task_options=encode.task_options(task_options or TaskOptions()),
        )
        request = build(
            messages.CreateEvaluationRequest,
            evaluation=message,
            evaluation_id=evaluation_id,
            request_id=new_request_id(),
            validate_only=validate_only,
        )
        answer = self._call(self._evaluations.CreateEvaluation, request, references)
        return decoded(answer, planned=validate_only)

    def get_evaluation(self, evaluation: Reference) -> Evaluation:
        """Return an evaluation with its results.

        Raises:
            NotFoundError: The evaluation does not exist in the caller's tenant.
        """
        references = {"name": (evaluation, _COLLECTION)}
        return decoded(self._call(self._evaluations.GetEvaluation, messages.GetEvaluationRequest(), references))

    def list_evaluations(
        self, *, filter: str = "", order_by: str = "", view: ResourceView = ResourceView.BASIC, limit: int | None = None
    ) -> list[Evaluation]:
        """Return the evaluations.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `state = RUNNING`; the comment of
                `ListEvaluationsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc`. Default: newest first.
            view: `basic` leaves out results and differences, `full` includes them.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(
            messages.ListEvaluationsRequest,
            filter=filter,
            order_by=order_by,
            view=enum_name("view", ResourceView, view, "RESOURCE_VIEW"),
        )
        return self._pages(self._evaluations.ListEvaluations, request, lambda page: page.evaluations, decoded, limit)

    def watch_evaluation(self, evaluation: Reference) -> Generator[Evaluation]:
        """Yield an evaluation whenever it changes, until it has ended. A broken stream is continued.

        Raises:
            NotFoundError: The evaluation does not exist in the caller's tenant.
            UnavailableError: The service was unavailable for a minute.
        """
        with closing(self._watch_evaluation(evaluation, math.inf)) as changes:
            yield from changes

    def _watch_evaluation(self, evaluation: Reference, deadline: float) -> Generator[Evaluation]:
        """Watch an evaluation until it has ended or the deadline, a time of `time.monotonic`, has passed."""
        request = messages.WatchEvaluationRequest()
        known: Evaluation | None = None
        method = self._evaluations.WatchEvaluation
        with closing(self._watched(method, request, evaluation, _COLLECTION, deadline)) as changes:
            for message in changes:
                current = decoded(message.evaluation)
                # A heartbeat and the start of a new stream repeat what is already known.
                bare = replace(current, update_time=None, capacity_unit_hours=0.0)
                if bare != known:
                    yield current
                known = bare
                if current.state.ended:
                    return

    def wait_for_evaluation(
        self,
        evaluation: Reference,
        *,
        timeout_seconds: float | None = None,
        on_change: Callable[[Evaluation], None] | None = None,
    ) -> Evaluation:
        """Wait until an evaluation has succeeded and return it with its results.

        Args:
            timeout_seconds: Maximum time to wait. Default: no limit.
            on_change: Called with the evaluation whenever it changes, to show progress.

        Raises:
            FailedPreconditionError: The evaluation failed; the message has the reason.
            CancelledError: The evaluation was cancelled.
            DeadlineExceededError: The evaluation has not ended in time; it continues.
        """
        name = self._name(evaluation, _COLLECTION)
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        with closing(self._watch_evaluation(evaluation, deadline)) as changes:
            ended = self._succeeded(changes, name, deadline, on_change, "EVALUATION_CANCELLED")
        return self.get_evaluation(ended)

    def cancel_evaluation(self, evaluation: Reference) -> Evaluation:
        """Ask an evaluation to stop, which it does after the current batch. Cancelling again has no effect.

        The answers so far are kept: `list_evaluation_rows` yields them, and the results are `partial`.

        Raises:
            NotFoundError: The evaluation does not exist in the caller's tenant.
            FailedPreconditionError: The evaluation has already succeeded or failed.
        """
        references = {"name": (evaluation, _COLLECTION)}
        request = messages.CancelEvaluationRequest()
        return decoded(self._call(self._evaluations.CancelEvaluation, request, references))

    def retry_evaluation(
        self, evaluation: Reference, *, from_beginning: bool = False, evaluation_id: str = ""
    ) -> Evaluation:
        """Repeat an evaluation that has failed or was cancelled, as a new one with the same configuration.

        It takes over the answers of the first one, which are kept for seven days. `resumed_count` of the new one
        says how many. It costs only what it computes itself.

        Args:
            from_beginning: Answer all rows, even if there are answers to take over.
            evaluation_id: Last part of the resource name. Default: chosen by the service.

        Returns:
            The queued evaluation. Call `wait_for_evaluation` to wait for its end.

        Raises:
            NotFoundError: The evaluation does not exist in the caller's tenant.
            FailedPreconditionError: The evaluation has succeeded or not ended, or what it needs was deleted or has
                changed. The message has the remedy.
            ExhaustedError: Too many jobs are queued.
        """
        request = build(
            messages.RetryEvaluationRequest,
            evaluation_id=evaluation_id,
            from_beginning=from_beginning,
            request_id=new_request_id(),
        )
        references = {"name": (evaluation, _COLLECTION)}
        return decoded(self._call(self._evaluations.RetryEvaluation, request, references))

    def delete_evaluation(self, evaluation: Reference) -> None:
        """Delete an evaluation that has ended, with its rows. Its dataset is kept.

        Raises:
            NotFoundError: The evaluation does not exist in the caller's tenant.
            FailedPreconditionError: The evaluation is queued or running; cancel it first.
        """
        references = {"name": (evaluation, _COLLECTION)}
        request = messages.DeleteEvaluationRequest()
        self._call(self._evaluations.DeleteEvaluation, request, references, gone_is_done=True)

    def list_evaluation_rows(
        self, evaluation: Reference, *, selection: RowSelection | str = RowSelection.ALL, limit: int | None = None
    ) -> Generator[EvaluationRow]:
        """Yield the rows of an evaluation with the answers of all systems, in the order of the dataset.

        Args:
            selection: `different` for rows that the systems do not all answer alike, `wrong` for those that the first
                system does not answer rightly, `all`.
            limit: Maximum number of rows. Default: all.

        Raises:
            NotFoundError: The evaluation does not exist in the caller's tenant.
            FailedPreconditionError: The evaluation has not ended or has no answers, or its stored rows are missing or
                corrupt.
        """
        chosen = enum_name("selection", RowSelection, selection, "SELECTION")
        request = build(messages.ListEvaluationRowsRequest, selection=chosen)
        references = {"name": (evaluation, _COLLECTION)}
        count = 0
        with closing(
            self._messages(self._evaluations.ListEvaluationRows, request, lambda page: page.rows, limit, references)
        ) as rows:
            for message in rows:
                if limit is not None and count >= limit:
                    return
                count += 1
                yield evaluation_row(message)

    def plot_evaluation(self, evaluation: Reference, path: str | PathLike[str] | None = None) -> Figure:
        """Draw the main metric of all systems with intervals, and how reliable their probabilities are.

        Args:
            path: File to write, such as `evaluation.png`; its extension sets the format. Default: none.

        Returns:
            The matplotlib figure.

        Raises:
            FailedPreconditionError: matplotlib is not installed, or the evaluation has no results yet.
        """
        from foreword.client.evaluation_picture import draw_evaluation

        return in_thread(draw_evaluation, self.get_evaluation(evaluation), path)
