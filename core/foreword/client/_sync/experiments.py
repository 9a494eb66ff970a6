# Generated from `_async/experiments.py` by `unasync.py`. Change that file, then run: make client

"""Tuning experiments."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from foreword.client import decode, encode, resources
from foreword.client._sync.datasets import DatasetMethods
from foreword.client._sync.experiment_changes import ExperimentChangeMethods
from foreword.client._sync.waiting import in_thread
from foreword.client._sync.watching import LOST_SECONDS, WatchMethods
from foreword.client.keywords import TuneKeywords
from foreword.client.listed import Listed
from foreword.client.message import build, enum_name, texts_by_name
from foreword.client.reference import Reference, new_request_id, run_references
from foreword.client.rows import Rows, default_name, validation_name
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import TuneParameters
from foreword.domain.resource_view import ResourceView
from foreword.v1 import tune_experiment_service_pb2 as messages

if TYPE_CHECKING:
    from typing import Unpack

    from matplotlib.figure import Figure


class TuneExperimentMethods(DatasetMethods, WatchMethods, ExperimentChangeMethods):
    """Methods of `TuneExperimentService`."""

    def tune(
        self,
        rows: Rows | resources.Dataset,
        *,
        display_name: str = "",
        description: str = "",
        base_model: str = "",
        validation_dataset: Rows | resources.Dataset | None = None,
        task: str = "",
        task_options: TaskOptions | None = None,
        tuning_type: str = "",
        verbalizer: str = "",
        instruction: str = "",
        evaluate_base: bool | None = None,
        method_parameters: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **parameters: Unpack[TuneKeywords],
    ) -> resources.TuneExperiment:
        """Upload training data and queue a run on it. Omitted parameters take the values of the base model's recipe.

        Args:
            rows: Path of a JSONL, JSON or CSV file, its bytes, a pandas DataFrame with the columns `input` and
                `output`, or an iterable of mappings or of pairs of input and output; or a stored dataset, its id or its
                display name.
            display_name: Human-readable name. Default: the name of the file or the dataset.
            validation_dataset: The held-out rows, like `rows`. Default: a share of `rows`.
            tuning_type: Tuning method, such as `ia3`. Default: `prompt_tuning`.
            evaluate_base: Whether to compare with the base model on the held-out rows. Default: yes.
            method_parameters: Parameters of the tuning method, by name.
            tags: Texts by key to search by, such as `{"team": "billing"}`; the tuned model gets them too.
            parameters: Tuning parameters that override the recipe, such as `num_epochs=30`. The value of
                `init_tuned_model` may be an id or a display name.

        Returns:
            The queued experiment with its plan. Call `wait_for_experiment` to wait for its end.

        Raises:
            InvalidRowsError: Rows are faulty. The error names all of them.
            InvalidArgumentError: Parameters are wrong. The error names all of them; uploaded datasets are deleted.
        """
        values = TuneParameters(**parameters, method_parameters=dict(method_parameters or {}))
        # Refuse values that cannot be sent before the upload.
        encode.tune_parameters(values)
        texts_by_name("tune_experiment.tags", tags or {})
        name = display_name or (rows.display_name if isinstance(rows, resources.Dataset) else default_name(rows))
        options: dict[str, Any] = {"task": task, "task_options": task_options, "base_model": base_model}
        with self._uploaded(rows, validation_dataset, name, **options) as (dataset, held_out):
            return self.create_tune_experiment(
                dataset,
                validation_dataset=held_out,
                display_name=name,
                description=description,
                base_model=base_model,
                task=task,
                task_options=task_options,
                tuning_type=tuning_type,
                verbalizer=verbalizer,
                instruction=instruction,
                evaluate_base=evaluate_base,
                parameters=values,
                tags=tags,
            )

    @contextmanager
    def _uploaded(
        self,
        rows: Rows | resources.Dataset,
        validation_dataset: Rows | resources.Dataset | None,
        name: str,
        **options: Any,
    ) -> Generator[tuple[resources.Dataset, resources.Dataset | None]]:
        """Upload the rows of a run, and delete them again if the block raises an error because the run is refused.

        Args:
            rows: The rows, or a stored dataset.
            validation_dataset: The held-out rows, likewise; None for a share of `rows`.
            name: Display name of the dataset.
            options: Options of `upload_dataset`.
        """
        uploaded: list[resources.Dataset] = []
        with self._deleted_when_refused(uploaded):
            dataset = self._dataset_of(rows, uploaded, display_name=name, **options)
            if validation_dataset is not None and not isinstance(validation_dataset, resources.Dataset):
                held_out_name = validation_name(validation_dataset, name)
                validation_dataset = self._dataset_of(
                    validation_dataset, uploaded, display_name=held_out_name, **options
                )
            yield dataset, validation_dataset

    def create_tune_experiment(
        self,
        dataset: Reference,
        *,
        display_name: str,
        description: str = "",
        base_model: str = "",
        validation_dataset: Reference | None = None,
        task: str = "",
        task_options: TaskOptions | None = None,
        tuning_type: str = "",
        verbalizer: str = "",
        instruction: str = "",
        evaluate_base: bool | None = None,
        parameters: TuneParameters | None = None,
        tags: Mapping[str, str] | None = None,
        tune_experiment_id: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> resources.TuneExperiment:
        """Queue a run on a stored dataset.

        Args:
            display_name: Human-readable name, which the service makes unique with ` (1)`, ` (2)` and so on.
            base_model: Name or alias of the base model. Default: that of the service.
            validation_dataset: Stored dataset whose rows are held out. Default: a share of `dataset`.
            task: Id of the task. Default: the one that suits the rows; the plan has the reason.
            verbalizer: Template with one `{{input}}` that is applied to every input in tuning and in serving.
            instruction: Instruction for evaluating the base model without tuning. Default: `init_text`.
            evaluate_base: Whether to compare with the base model on the held-out rows. Default: yes.
            parameters: Tuning parameters that override the recipe.
            tags: Texts by key to search by; the tuned model gets them too.
            tune_experiment_id: Last part of the resource name. Default: chosen by the service.
            request_id: Makes a second call with the same id and content return the first one's experiment, for a day.
                At most 64 characters. Default: a new id.
            validate_only: Check the request and return the plan without creating anything.

        Raises:
            InvalidArgumentError: Values are wrong. The error names all of them.
            NotFoundError: A dataset or the base model does not exist.
            FailedPreconditionError: The dataset has too few usable rows.
            ExhaustedError: Too many experiments are queued.
        """
        experiment = encode.experiment(
            "tune_experiment",
            display_name=display_name,
            description=description,
            base_model=base_model,
            task=task,
            options=task_options,
            tuning_type=tuning_type,
            verbalizer=verbalizer,
            parameters=parameters,
            instruction=instruction,
            evaluate_base=evaluate_base,
            tags=tags,
        )
        request = build(
            messages.CreateTuneExperimentRequest,
            tune_experiment=experiment,
            tune_experiment_id=tune_experiment_id,
            request_id=request_id or new_request_id(),
            validate_only=validate_only,
        )
        references = run_references("tune_experiment", dataset, validation_dataset, parameters)
        answer = self._call(self._experiments.CreateTuneExperiment, request, references)
        return decode.tune_experiment(answer, planned=validate_only)

    def get_tune_experiment(self, experiment: Reference) -> resources.TuneExperiment:
        """Return an experiment with its learning curve.

        Raises:
            NotFoundError: The experiment does not exist in the caller's tenant.
        """
        references = {"name": (experiment, "tuneExperiments")}
        return decode.tune_experiment(
            self._call(self._experiments.GetTuneExperiment, messages.GetTuneExperimentRequest(), references)
        )

    def list_tune_experiments(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        view: ResourceView = ResourceView.BASIC,
        limit: int | None = None,
        page_token: str = "",
    ) -> Listed[resources.TuneExperiment]:
        """Return the experiments.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `state = RUNNING`; the
                comment of `ListTuneExperimentsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: newest first.
            view: `basic` leaves out learning curves, evaluations and suspect rows, `full` includes them.
            limit: Maximum number to return. Default: all.
            page_token: `next_page_token` of the list that these items follow. Default: the beginning.

        Raises:
            InvalidArgumentError: The filter, the order or the token is invalid. The error names the fields.
        """
        request = build(
            messages.ListTuneExperimentsRequest,
            filter=filter,
            order_by=order_by,
            page_token=page_token,
            view=enum_name("view", ResourceView, view, "RESOURCE_VIEW"),
        )
        return self._pages(
            self._experiments.ListTuneExperiments,
            request,
            lambda page: page.tune_experiments,
            decode.tune_experiment,
            limit,
        )

    def stream_tune_experiments(
        self, *, filter: str = "", order_by: str = "", page_size: int = 1000
    ) -> Generator[resources.TuneExperiment]:
        """Yield what `list_tune_experiments` returns, of which only a page is in memory.

        Args:
            page_size: Number of items to read at once, at most 1,000.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListTuneExperimentsRequest, filter=filter, order_by=order_by)
        for message in self._messages(
            self._experiments.ListTuneExperiments, request, lambda page: page.tune_experiments, page_size, {}
        ):
            yield decode.tune_experiment(message)

    def watch_tune_experiment(
        self, experiment: Reference, *, after_sequence: int = 0, lost_seconds: float = LOST_SECONDS
    ) -> Generator[resources.TuneExperiment]:
        """Yield an experiment with its new snapshots whenever it changes, until it has ended.

        A broken stream is continued after the last snapshot that arrived, so that none is lost or repeated.

        Args:
            after_sequence: Yield only snapshots with a larger sequence number.
            lost_seconds: Time for which the service may be unavailable before this gives up.

        Raises:
            NotFoundError: The experiment does not exist in the caller's tenant.
            UnavailableError: The service was unavailable for that time.
        """
        changes = self._watch(experiment, after_sequence, math.inf, lost_seconds)
        with closing(changes):
            yield from changes

    def _watch(
        self, experiment: Reference, after_sequence: int, deadline: float, lost_seconds: float = LOST_SECONDS
    ) -> Generator[resources.TuneExperiment]:
        """Watch an experiment until it has ended or the deadline, a time of `time.monotonic`, has passed."""
        request = build(messages.WatchTuneExperimentRequest, after_sequence=after_sequence)
        known: resources.TuneExperiment | None = None
        method = self._experiments.WatchTuneExperiment
        watched = self._watched(method, request, experiment, "tuneExperiments", deadline, lost_seconds=lost_seconds)
        with closing(watched) as changes:
            for message in changes:
                current = decode.tune_experiment(message.tune_experiment)
                request.after_sequence = max([request.after_sequence, *(item.sequence for item in current.snapshots)])
                bare = _without_time(current)
                # A heartbeat and the start of a new stream repeat what is already known.
                if current.snapshots or bare != known:
                    yield current
                known = bare
                if current.state.ended:
                    return

    def wait_for_experiment(
        self,
        experiment: Reference,
        *,
        timeout_seconds: float | None = None,
        on_change: Callable[[resources.TuneExperiment], None] | None = None,
    ) -> resources.TuneExperiment:
        """Wait until an experiment has succeeded and return it with its learning curve and evaluations.

        Args:
            timeout_seconds: Maximum time to wait. Default: no limit.
            on_change: Called with the experiment whenever it changes, to show progress.

        Raises:
            FailedPreconditionError: The experiment failed; the message has the reason.
            CancelledError: The experiment was cancelled.
            DeadlineExceededError: The experiment has not ended in time; it continues.
        """
        name = self._name(experiment, "tuneExperiments")
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        with closing(self._watch(experiment, 0, deadline)) as changes:
            ended = self._succeeded(changes, name, deadline, on_change, "EXPERIMENT_CANCELLED")
        return self.get_tune_experiment(ended)

    def plot_learning_curve(self, experiment: Reference, path: str | PathLike[str] | None = None) -> Figure:
        """Draw training loss, held-out loss and held-out metric over the epochs. No display is needed.

        Args:
            path: File to write, such as `curve.png`; its extension sets the format. Default: none.

        Returns:
            The matplotlib figure.

        Raises:
            FailedPreconditionError: matplotlib is not installed, or there are no snapshots yet.
        """
        from foreword.client.learning_curve import draw_learning_curve

        return in_thread(draw_learning_curve, self.get_tune_experiment(experiment), path)


def _without_time(experiment: resources.TuneExperiment) -> resources.TuneExperiment:
    """Return an experiment without snapshots and without the values that change continuously while it runs."""
    return replace(experiment, snapshots=(), update_time=None, capacity_unit_hours=0.0)
