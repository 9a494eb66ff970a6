"""Sweeps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from foreword.client import encode, resources
from foreword.client._async.experiments import TuneExperimentMethods
from foreword.client._async.waiting import in_thread, sleep
from foreword.client.decode_sweep import tune_sweep
from foreword.client.encode_sweep import Swept, swept_parameters
from foreword.client.keywords import TuneKeywords
from foreword.client.message import build, enum_name, texts_by_name
from foreword.client.reference import Reference, new_request_id, run_references
from foreword.client.rows import Rows, default_name
from foreword.client.sweep_failure import why_failed
from foreword.client.sweep_resources import TuneSweep
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import TuneParameters
from foreword.domain.resource_view import ResourceView
from foreword.domain.sweep import Search
from foreword.domain.sweep_outcome import SweepState
from foreword.errors import CancelledError, DeadlineExceededError, FailedPreconditionError
from foreword.v1 import tune_sweep_pb2, tune_sweep_service_pb2_grpc
from foreword.v1 import tune_sweep_service_pb2 as messages

if TYPE_CHECKING:
    from typing import Unpack

    from matplotlib.figure import Figure

_SECONDS_BETWEEN_LOOKS = 1.0


class TuneSweepMethods(TuneExperimentMethods):
    """Methods of `TuneSweepService`."""

    @cached_property
    def _sweeps(self) -> Any:
        return self._connection.stub(tune_sweep_service_pb2_grpc.TuneSweepServiceStub)

    async def sweep(
        self,
        rows: Rows | resources.Dataset,
        *,
        swept: Mapping[str, Swept] | None = None,
        search: Search | str = Search.GRID,
        max_combinations: int = 0,
        num_seeds: int = 1,
        search_seed: int = 0,
        halving: bool = True,
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
    ) -> TuneSweep:
        """Upload training data and queue a sweep on it: several runs, of which the best on the held-out rows is kept.

        Args:
            rows: Training data or a stored dataset, as in `tune`.
            swept: The parameters that differ from trial to trial: a list of values, or a `foreword.client.SweptRange`,
                by name. Names are those of tuning parameters, `method_parameters.NAME` and `tuning_type`. Default: only
                seeds differ.
            search: `grid` tries every combination of the values, `random` tries `max_combinations` of them.
            max_combinations: Maximum number of combinations. Required for `random`.
            num_seeds: Number of trials of each combination, with different seeds.
            search_seed: Seed of the random search.
            halving: Whether to stop weak trials early.
            display_name: Human-readable name. Default: the name of the file.
            parameters: Tuning parameters of all trials. These and the other arguments are those of `tune`.

        Returns:
            The queued sweep with its plan. Call `wait_for_sweep` to wait for its end, and
            `foreword.client.frames.trials` for its trials as a frame.

        Raises:
            InvalidRowsError: Rows are faulty. The error names all of them.
            InvalidArgumentError: Values are wrong. The error names all of them; uploaded datasets are deleted.
        """
        values = TuneParameters(**parameters, method_parameters=dict(method_parameters or {}))
        # Refuse values that cannot be sent before the upload.
        encode.tune_parameters(values)
        swept_parameters(swept or {})
        texts_by_name("tune_sweep.tune_experiment.tags", tags or {})
        name = display_name or (rows.display_name if isinstance(rows, resources.Dataset) else default_name(rows))
        options: dict[str, Any] = {"task": task, "task_options": task_options, "base_model": base_model}
        async with self._uploaded(rows, validation_dataset, name, **options) as (dataset, held_out):
            return await self.create_tune_sweep(
                dataset,
                display_name=name,
                swept=swept,
                search=search,
                max_combinations=max_combinations,
                num_seeds=num_seeds,
                search_seed=search_seed,
                halving=halving,
                description=description,
                base_model=base_model,
                validation_dataset=held_out,
                task=task,
                task_options=task_options,
                tuning_type=tuning_type,
                verbalizer=verbalizer,
                instruction=instruction,
                evaluate_base=evaluate_base,
                parameters=values,
                tags=tags,
            )

    async def create_tune_sweep(
        self,
        dataset: Reference,
        *,
        display_name: str,
        swept: Mapping[str, Swept] | None = None,
        search: Search | str = Search.GRID,
        max_combinations: int = 0,
        num_seeds: int = 1,
        search_seed: int = 0,
        halving: bool = True,
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
        tune_sweep_id: str = "",
        validate_only: bool = False,
    ) -> TuneSweep:
        """Queue a sweep on a stored dataset. The arguments are those of `sweep` and `create_tune_experiment`.

        Args:
            parameters: Tuning parameters of all trials.
            tags: Texts by key to search by; all trials and their tuned models get them.
            tune_sweep_id: Last part of the resource name. Default: chosen by the service.
            validate_only: Check the request and return the plan with the values of the trials, and create nothing.

        Raises:
            InvalidArgumentError: Values are wrong. The error names all of them.
            NotFoundError: A dataset or the base model does not exist.
            FailedPreconditionError: The dataset has too few usable rows.
            ExhaustedError: Too many experiments are queued.
        """
        experiment = encode.experiment(
            "tune_sweep.tune_experiment",
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
        message = build(
            tune_sweep_pb2.TuneSweep,
            "tune_sweep",
            display_name=display_name,
            description=description,
            tune_experiment=experiment,
            swept_parameters=swept_parameters(swept or {}),
            search=enum_name("search", Search, search, "SEARCH"),
            max_combinations=max_combinations,
            num_seeds=num_seeds,
            seed=search_seed,
            halving=halving,
        )
        request = build(
            messages.CreateTuneSweepRequest,
            tune_sweep=message,
            tune_sweep_id=tune_sweep_id,
            request_id=new_request_id(),
            validate_only=validate_only,
        )
        references = run_references("tune_sweep.tune_experiment", dataset, validation_dataset, parameters)
        answer = await self._call(self._sweeps.CreateTuneSweep, request, references)
        return tune_sweep(answer, planned=validate_only)

    async def get_tune_sweep(self, sweep: Reference) -> TuneSweep:
        """Return a sweep with its trials.

        Raises:
            NotFoundError: The sweep does not exist in the caller's tenant.
        """
        references = {"name": (sweep, "tuneSweeps")}
        return tune_sweep(await self._call(self._sweeps.GetTuneSweep, messages.GetTuneSweepRequest(), references))

    async def list_tune_sweeps(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        view: ResourceView = ResourceView.BASIC,
        limit: int | None = None,
    ) -> list[TuneSweep]:
        """Return the sweeps.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `state = RUNNING`; the comment of
                `ListTuneSweepsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc`. Default: newest first.
            view: `basic` leaves out trials, `full` includes them.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(
            messages.ListTuneSweepsRequest,
            filter=filter,
            order_by=order_by,
            view=enum_name("view", ResourceView, view, "RESOURCE_VIEW"),
        )
        return await self._pages(self._sweeps.ListTuneSweeps, request, lambda page: page.tune_sweeps, tune_sweep, limit)

    async def wait_for_sweep(
        self,
        sweep: Reference,
        *,
        timeout_seconds: float | None = None,
        on_change: Callable[[TuneSweep], None] | None = None,
    ) -> TuneSweep:
        """Wait until a sweep has succeeded and return it. `get_tune_experiment(sweep.best_trial)` has the best run.

        Args:
            timeout_seconds: Maximum time to wait. Default: no limit.
            on_change: Called with the sweep whenever it changes, to show progress.

        Raises:
            FailedPreconditionError: No trial succeeded; the message has the reasons.
            CancelledError: The sweep was cancelled.
            DeadlineExceededError: The sweep has not ended in time; it continues.
        """
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        known: TuneSweep | None = None
        while True:
            current = await self.get_tune_sweep(sweep if known is None else known.name)
            if on_change is not None and current != known:
                on_change(current)
            known = current
            if current.state is SweepState.SUCCEEDED:
                return current
            if current.state is SweepState.CANCELLED:
                raise CancelledError(f"{current.name} was cancelled.", reason="SWEEP_CANCELLED")
            if current.state is SweepState.FAILED:
                raise FailedPreconditionError(
                    f"{current.name} has no result: {why_failed(current.trials)} `halving=False` tunes all trials to "
                    "the end.",
                    reason="SWEEP_FAILED",
                )
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceededError(
                    f"{current.name} has not ended in time. It continues; wait for it again later."
                )
            await sleep(min(_SECONDS_BETWEEN_LOOKS, left))

    async def plot_sweep(self, sweep: Reference, path: str | PathLike[str] | None = None) -> Figure:
        """Draw the held-out metric and loss of all trials over the epochs. No display is needed.

        Args:
            path: File to write, such as `sweep.png`; its extension sets the format. Default: none.

        Returns:
            The matplotlib figure.

        Raises:
            FailedPreconditionError: matplotlib is not installed, or no trial has ended an epoch.
        """
        from foreword.client.sweep_curves import draw_sweep

        found = await self.get_tune_sweep(sweep)
        names = [trial.tune_experiment for trial in found.trials]
        experiments = {name: await self.get_tune_experiment(name) for name in names}
        return await in_thread(draw_sweep, found, experiments, path)

    async def cancel_tune_sweep(self, sweep: Reference) -> TuneSweep:
        """Ask all trials of a sweep to stop, which they do within one step. Cancelling again has no effect.

        Raises:
            NotFoundError: The sweep does not exist in the caller's tenant.
            FailedPreconditionError: The sweep has already succeeded or failed.
        """
        references = {"name": (sweep, "tuneSweeps")}
        return tune_sweep(await self._call(self._sweeps.CancelTuneSweep, messages.CancelTuneSweepRequest(), references))

    async def delete_tune_sweep(self, sweep: Reference) -> None:
        """Delete a sweep that has ended, with its trials. Tuned models are kept.

        Raises:
            NotFoundError: The sweep does not exist in the caller's tenant.
            FailedPreconditionError: The sweep has not ended.
        """
        references = {"name": (sweep, "tuneSweeps")}
        await self._call(self._sweeps.DeleteTuneSweep, messages.DeleteTuneSweepRequest(), references, gone_is_done=True)
