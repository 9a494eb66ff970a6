"""Starting a tuning run, watching it and reading its results."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

from foreword.client import JobState, TuneExperiment, TuneParameters
from foreword.client.frames import frame
from foreword.domain.violations import Violations
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.watsonx.api_client import APIClient
from foreword.watsonx.findings import report_findings
from foreword.watsonx.foundation_models.run_details import final_loss, run_details, run_state
from foreword.watsonx.foundation_models.run_progress import RunProgress
from foreword.watsonx.helpers.connections import DataConnection
from foreword.watsonx.names import model_id, resource_id

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class PromptTuner:
    """A tuner of soft prompts. `TuneExperiment.prompt_tuner` creates one and documents its arguments.

    Attributes:
        id: Id of the newest run; None before the first.
    """

    def __init__(
        self,
        client: APIClient,
        *,
        name: str,
        task_id: str,
        description: str | None = None,
        base_model: str | None = None,
        accumulate_steps: int | None = None,
        batch_size: int | None = None,
        init_method: str | None = None,
        init_text: str | None = None,
        learning_rate: float | None = None,
        max_input_tokens: int | None = None,
        max_output_tokens: int | None = None,
        num_epochs: int | None = None,
        verbalizer: str | None = None,
        tuning_type: str | None = None,
        auto_update_model: bool = True,
        group_by_name: bool = False,
    ) -> None:
        _refuse(auto_update_model=auto_update_model, group_by_name=group_by_name)
        self._client = client
        self.id: str | None = None
        self.name = name
        self.description = description or ""
        self.task_id = str(task_id)
        self.base_model = None if base_model is None else str(base_model)
        self.tuning_type = None if tuning_type is None else str(tuning_type)
        self.verbalizer = verbalizer
        self._parameters = TuneParameters(
            accumulate_steps=accumulate_steps,
            batch_size=batch_size,
            init_method=None if init_method is None else str(init_method),
            init_text=init_text,
            learning_rate=learning_rate,
            max_input_tokens=max_input_tokens,
            max_output_tokens=max_output_tokens,
            num_epochs=num_epochs,
        )
        # Values of an earlier run without an argument here; they are kept when the run is repeated.
        self._unnamed: dict[str, Any] = {}

    @classmethod
    def of_run(cls, client: APIClient, run_id: str) -> Self:
        """Return the tuner of a run that was started earlier.

        Raises:
            NotFoundError: The run does not exist.
        """
        experiment = client.foreword.get_tune_experiment(run_id)
        tuner = cls(
            client,
            name=experiment.display_name,
            task_id=experiment.task,
            description=experiment.description,
            base_model=model_id(experiment.base_model),
            tuning_type=experiment.tuning_type,
            verbalizer=experiment.verbalizer,
        )
        tuner._parameters = experiment.parameters
        tuner._unnamed = {
            "task_options": experiment.task_options,
            "instruction": experiment.instruction,
            "evaluate_base": experiment.evaluate_base,
        }
        tuner.id = resource_id(experiment.name)
        return tuner

    def get_params(self) -> dict[str, Any]:
        """Return the values that are set, by name."""
        values = {
            "base_model": self.base_model,
            "tuning_type": self.tuning_type,
            "verbalizer": self.verbalizer,
            "accumulate_steps": self._parameters.accumulate_steps,
            "batch_size": self._parameters.batch_size,
            "init_method": self._parameters.init_method,
            "init_text": self._parameters.init_text,
            "learning_rate": self._parameters.learning_rate,
            "max_input_tokens": self._parameters.max_input_tokens,
            "max_output_tokens": self._parameters.max_output_tokens,
            "num_epochs": self._parameters.num_epochs,
        }
        return {
            "name": self.name,
            "task_id": self.task_id,
            "description": self.description,
            **{name: value for name, value in values.items() if value is not None},
            "auto_update_model": True,
            "group_by_name": False,
        }

    def run(
        self,
        training_data_references: Sequence[DataConnection],
        training_results_reference: None = None,
        background_mode: bool = False,
    ) -> dict[str, Any]:
        """Start a run, issue the warnings of its plan, and wait for its end while printing its state.

        Args:
            training_data_references: One `DataConnection`.
            training_results_reference: Must be None: the service keeps the results itself.
            background_mode: Return at once; call `get_run_status` for the state.

        Returns:
            The details of the run. If it failed or was cancelled, they say so and no error is raised.

        Raises:
            InvalidArgumentError: Values are wrong. The error names all of them.
            NotFoundError: The asset or the base model does not exist.
            FailedPreconditionError: The data has too few rows.
        """
        if training_results_reference is not None:
            raise InvalidArgumentError.of(
                "training_results_reference", "is not supported: the service keeps the results; omit it"
            )
        experiment = self._client.foreword.create_tune_experiment(
            _only(training_data_references).data_asset_id,
            display_name=self.name,
            description=self.description,
            base_model=self.base_model or "",
            task=self.task_id,
            tuning_type=self.tuning_type or "",
            verbalizer=self.verbalizer or "",
            parameters=self._parameters,
            **self._unnamed,
        )
        self.id = resource_id(experiment.name)
        print(f"Tuning run {self.id}, {experiment.display_name}: {experiment.plan.planned_updates} updates planned")
        report_findings(f"Tuning run {self.id}", experiment.plan.warnings, stacklevel=2)
        if not background_mode:
            with RunProgress() as progress:
                for experiment in self._client.foreword.watch_tune_experiment(self.id):
                    progress.show(experiment)
            _print_end(experiment)
        return self.get_run_details()

    def get_run_status(self) -> str:
        """Return the state: `pending`, `running`, `completed`, `failed` or `canceled`.

        Raises:
            FailedPreconditionError: The tuner has not run yet.
        """
        return run_state(self._experiment().state)

    def get_run_details(self, include_metrics: bool = False) -> dict[str, Any]:
        """Return the details of the run.

        Args:
            include_metrics: Whether to include the learning curve.

        Raises:
            FailedPreconditionError: The tuner has not run yet.
        """
        return run_details(self._experiment(), include_metrics=include_metrics)

    def summary(self) -> DataFrame:
        """Return a frame of one row: the model, the method, the epochs and the mean training loss over the last epoch.

        Raises:
            FailedPreconditionError: The tuner has not run yet, or pandas is not installed.
        """
        experiment = self._experiment()
        return frame(
            ("Model Name", "Enhancements", "Base model", "Auto store", "Epochs", "loss"),
            [
                (
                    experiment.display_name,
                    [experiment.tuning_type],
                    model_id(experiment.base_model),
                    True,
                    experiment.plan.parameters.num_epochs,
                    final_loss(experiment),
                )
            ],
            index="Model Name",
        )

    def plot_learning_curve(self, path: str | PathLike[str] | None = None) -> Figure:
        """Draw the loss over the epochs. A notebook displays the figure; elsewhere it can be saved.

        Args:
            path: File to write, such as `curve.png`. Default: none.

        Raises:
            FailedPreconditionError: The tuner has not run yet, there are no snapshots, or matplotlib is not installed.
        """
        return self._client.foreword.plot_learning_curve(self._run_id(), path)

    def get_model_id(self) -> str:
        """Return the id of the tuned model, for a deployment.

        Raises:
            FailedPreconditionError: The run has not completed or did not succeed.
        """
        experiment = self._experiment()
        if not experiment.tuned_model:
            state = run_state(experiment.state)
            reason = f" ({experiment.failure.message})" if experiment.failure else ""
            raise FailedPreconditionError(
                f"The run {self.id} is {state}{reason}, so it has no model. Wait until get_run_status() returns "
                f"'completed', or run again.",
                reason="NO_TUNED_MODEL",
            )
        return resource_id(experiment.tuned_model)

    def cancel_run(self, hard_delete: bool = False) -> None:
        """Ask the run to stop, which it does within one step.

        Args:
            hard_delete: Delete a run that has ended instead; its tuned model is kept.

        Raises:
            FailedPreconditionError: The tuner has not run yet, the run has already completed or failed, or, with
                `hard_delete`, it has not ended.
        """
        if hard_delete:
            self._client.foreword.delete_tune_experiment(self._run_id())
            self.id = None
        else:
            self._client.foreword.cancel_tune_experiment(self._run_id())

    def _run_id(self) -> str:
        if self.id is None:
            raise FailedPreconditionError("This tuner has not run yet. Call run() first.", reason="NOT_RUN")
        return self.id

    def _experiment(self) -> TuneExperiment:
        return self._client.foreword.get_tune_experiment(self._run_id())


def _refuse(*, auto_update_model: bool, group_by_name: bool) -> None:
    violations = Violations()
    if not auto_update_model:
        violations.add(
            "auto_update_model", "cannot be False: the tuned model is always stored; delete it if you do not need it"
        )
    if group_by_name:
        violations.add(
            "group_by_name",
            "cannot be True: every run has its own name; use experiment.runs(filter=name).list() to list the runs of "
            "one name",
        )
    violations.check()


def _only(references: Sequence[DataConnection]) -> DataConnection:
    if isinstance(references, DataConnection):
        return references
    if len(references) != 1 or not isinstance(references[0], DataConnection):
        raise InvalidArgumentError.of(
            "training_data_references", "must contain exactly one DataConnection; put all rows into one file"
        )
    return references[0]


def _print_end(experiment: TuneExperiment) -> None:
    if experiment.state is JobState.FAILED and experiment.failure is not None:
        print(f"The run failed: {experiment.failure.message}")
    elif experiment.state is JobState.SUCCEEDED and experiment.curve_advice:
        print(experiment.curve_advice)
