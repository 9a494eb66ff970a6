"""The run of one experiment, from its lease to its tuned model, in stages that a worker steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from foreword.data.rows import read_rows
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource
from foreword.domain.dataset import Row
from foreword.domain.experiment import Phase
from foreword.domain.report import SystemEvaluation
from foreword.errors import ArtifactError, ForewordError
from foreword.evaluation.compare import evaluate, held_out_metric
from foreword.evaluation.suspects import find_suspect_rows
from foreword.evaluation.temperature import ScoredAnswer, calibrate
from foreword.inference.runner import ModelRunner
from foreword.observability.logging import get_logger
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import BaseModel, LoadedModel, Task, TuningMethod
from foreword.scheduling.heartbeat import Heartbeat
from foreword.scheduling.installed import installed
from foreword.scheduling.runs.curve import CurveRecorder
from foreword.scheduling.runs.saving import RunCheckpoints
from foreword.scheduling.runs.storing import store_tuned_model
from foreword.scheduling.runs.trial import TrialComparison
from foreword.scheduling.tuned_models import read_start
from foreword.scheduling.turn import Turn
from foreword.scheduling.workshop import Workshop
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.tuned_models import find_start
from foreword.tuning.measuring import EXAMINED_SHARE, HELD_OUT_SHARE
from foreword.tuning.runs.results import StepReport, TrainResult
from foreword.tuning.runs.run import TuningRun
from foreword.turns.slices import outside, pause

_log = get_logger("worker")

_MOST_LOST_LEASES = 20

ModelLoader = Callable[[BaseModel], LoadedModel]


class ExperimentRun:
    """The run of a leased experiment: prepare it, step its tuning, finish it.

    The worker trains `tuning` between the first and the last stage, alone or with other runs. In slices (`SlicedWork`)
    the stages let it do that for others. Every write is conditional on the epoch of the lease. Each stage may raise
    these errors:

        RunCancelledError: Cancellation of the run was requested.
        WorkerStoppingError: The worker was asked to stop.
        LeaseLostError: Another worker owns the run.
        UnavailableError: The database or the artifact store is unavailable; the run can continue from its last
            checkpoint.
        ForewordError: The run cannot succeed for the reason in the error.

    Args:
        workshop: Resources shared by all runs.
        lease: The experiment, and the right to write its results.
        heartbeat: Renews the lease and raises an error when the run must stop.
        saver: Threads that write checkpoints while the run goes on.

    Attributes:
        tuning: What the worker trains; None before `prepare`.
        turn: The turn of the run at its worker.
        checkpoints: Its checkpoints.
    """

    def __init__(self, workshop: Workshop, lease: Lease, heartbeat: Heartbeat, saver: ThreadPoolExecutor) -> None:
        self.tuning: TuningRun | None = None
        self.turn = Turn(workshop.settings.turn_seconds)
        self._workshop = workshop
        self._lease = lease
        self._experiment = lease.experiment
        self._heartbeat = heartbeat
        self.checkpoints = RunCheckpoints(workshop, lease, heartbeat, saver, self.turn.add_checkpoint)
        self._datasets = DatasetRepository(workshop.database, lease.experiment.tenant)
        self._comparison = TrialComparison(workshop.database, lease.experiment, heartbeat.note_stopped)

    def prepare(self, load: ModelLoader) -> TuningRun:
        """Load the base model, encode the rows and resume from the newest checkpoint if there is one.

        Args:
            load: Returns a base model, and loads it if necessary.
        """
        with outside():
            self._heartbeat.beat()
        if self._lease.lost_before >= _MOST_LOST_LEASES:
            raise _crashing(self._lease)
        plugins, config = self._workshop.plugins, self._experiment.config
        self._base: BaseModel = plugins.base_model(config.base_model)
        self._task: Task = installed("task", config.task, plugins.tasks.get(config.task))
        self._method: TuningMethod = installed(
            "tuning method", config.tuning_type, plugins.tuning_methods.get(config.tuning_type)
        )
        ids = (config.dataset, config.validation_dataset)
        with outside():
            self._contents = {id: self._rows(id) for id in ids if id is not None}
            model = load(self._base)
        self._check()
        self._runner = ModelRunner(model)
        tuning = self.tuning = self._resume(model)
        with outside():
            self._comparison.begin(tuning.total_epochs)
        self._recorder = CurveRecorder(
            total_steps=tuning.total_steps, total_epochs=tuning.total_epochs, now=self._workshop.database.now
        )
        self.checkpoints.begin(tuning.step)
        self.turn.begin_tuning()
        return tuning

    def record(self, report: StepReport) -> None:
        """Record an update for the next heartbeat."""
        self._comparison.note(report)
        snapshot = self._recorder.add(report)
        self._heartbeat.note(self._recorder.progress, (snapshot,) if snapshot else ())
        if snapshot:
            self._workshop.plugins.experiment_progressed(self._experiment, self._recorder.progress)

    def compare_if_due(self) -> None:
        """Compare a trial with the others of its sweep if it has come to a rung. Its results must have been stored."""
        self._comparison.compare_if_due()

    def finish(self, price: float) -> None:
        """Evaluate a run whose tuning is done, and store its end with its tuned model.

        Args:
            price: Compute seconds per token.
        """
        tuning = self.tuning
        assert tuning is not None, "the run is not prepared"
        with outside():
            # Evaluation can take as long as tuning, and a worker that stops during evaluation must not lose both.
            self.checkpoints.write(tuning)
        result = tuning.result()
        with outside():  # store the results, and end here if the trial is weak
            self._heartbeat.beat()
            self._comparison.compare()
            self._heartbeat.check()
        self._enter(Phase.EVALUATING)
        with outside():
            self._comparison.compare()
        evaluations, calibration = self._evaluate(tuning, result)
        suspects = find_suspect_rows(
            runner=self._runner,
            task=self._task,
            plan=self._experiment.plan,
            verbalizer=self._experiment.config.verbalizer,
            datasets=self._contents,
            contributions=self._method.contributions(result.artifact),
            check=self._check,
        )
        examined = tuning.num_tokens * suspects.examined_row_count / max(1, suspects.row_count)
        measured = tuning.num_held_out_tokens * len(evaluations)
        self._heartbeat.charge(price * (EXAMINED_SHARE * examined + HELD_OUT_SHARE * measured))
        self._enter(Phase.STORING)
        with outside():
            store_tuned_model(
                self._workshop,
                self._lease,
                base=self._base,
                method=self._method,
                result=result,
                # Only a refit has been trained on the answers of the held-out rows.
                schema=self._experiment.plan.schema if result.refitted else tuning.training_schema,
                start=self._start,
                evaluations=evaluations,
                calibration=calibration,
                suspects=suspects,
                compute_seconds=self._heartbeat.compute_seconds,
            )

    def _enter(self, phase: Phase) -> None:
        """Enter a phase after tuning."""
        with outside():
            self._heartbeat.beat(self._recorder.in_phase(phase))

    def _check(self) -> None:
        """Let others go on if they have their turn, and raise an error if the run must stop."""
        pause()
        self._heartbeat.check()

    def _rows(self, id: str) -> tuple[Row, ...]:
        """Return the rows of a dataset, all of them verified."""
        dataset = self._datasets.get(id)
        with open_rows(self._workshop.artifacts, dataset) as file:
            return tuple(read_rows(file))

    def _resume(self, model: LoadedModel) -> TuningRun:
        """Return the run of the method at the newest checkpoint, and drop the later points of its curve."""
        config, plan = self._experiment.config, self._experiment.plan

        def measure(contributions: Sequence[Contribution]) -> float:
            return held_out_metric(
                runner=self._runner,
                task=self._task,
                schema=tuning.training_schema,
                verbalizer=config.verbalizer,
                rows=tuning.validation_rows,
                contributions=contributions,
                parameters=plan.parameters,
                losses=tuning.held_out_losses,
                check=self._check,
            )

        with outside():
            self._start = find_start(self._workshop.database, self._experiment)
            start = read_start(self._workshop.artifacts, self._start, self._method, self._base) if self._start else None
        make = partial(
            TuningRun,
            model=model,
            method=self._method,
            task=self._task,
            plan=plan,
            verbalizer=config.verbalizer,
            rows=self._contents[config.dataset],
            validation_rows=self._contents[config.validation_dataset] if config.validation_dataset is not None else (),
            start=start,
            evaluate=measure,
            check=self._check,
        )
        with outside():
            newest = self.checkpoints.newest()
        try:
            tuning = make(state=newest)
        except ArtifactError as error:
            # Corrupt or from another version: the run loses time but continues.
            _log.warning("checkpoint_unusable", experiment=self._experiment.id, error=error.message)
            tuning = make()
        # The last update of an epoch is recorded when the epoch has ended, which may be after this checkpoint.
        with outside():
            last = tuning.step - 1 if tuning.epoch_is_over else tuning.step
            self._workshop.queue.rewind(self._lease, last, resumed_step=tuning.step)
        return tuning

    def _evaluate(
        self, tuning: TuningRun, result: TrainResult
    ) -> tuple[tuple[SystemEvaluation, ...], AnswerCalibration | None]:
        """Compare the adapter of the best epoch with the base model on the held-out rows, and calibrate its answers."""
        if not tuning.validation_rows:
            return (), None
        scored: list[ScoredAnswer] = []
        config, plan = self._experiment.config, self._experiment.plan
        evaluations = evaluate(
            runner=self._runner,
            task=self._task,
            schema=tuning.training_schema,
            verbalizer=config.verbalizer,
            rows=tuning.validation_rows,
            training_rows=tuning.training_rows,
            contributions=self._method.contributions(result.evaluated),
            instruction=config.instruction,
            with_base=config.evaluate_base,
            parameters=plan.parameters,
            check=self._check,
            on_scored=scored.extend,
        )
        source = CalibrationSource.HELD_OUT_BEFORE_REFIT if result.refitted else CalibrationSource.HELD_OUT
        return evaluations, calibrate(scored, source, check=self._check)


def _crashing(lease: Lease) -> ForewordError:
    return ForewordError(
        f"The run was started {lease.lost_before} times, and each time its worker died before the run made progress. "
        "The usual cause is too little memory: create the experiment again with a smaller batch_size or "
        "max_input_tokens.",
        reason="WORKER_KEEPS_DYING",
    )
