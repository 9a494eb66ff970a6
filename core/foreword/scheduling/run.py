"""The run of one experiment, from its lease to its tuned model."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

from foreword.config import Settings
from foreword.data.rows import read_rows
from foreword.domain.dataset import Row
from foreword.domain.experiment import Phase, Snapshot
from foreword.domain.report import Evaluation
from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE, TunedModel
from foreword.errors import ArtifactError, FailedPreconditionError, UnavailableError
from foreword.evaluation import evaluate, held_out_metric
from foreword.inference.runner import ModelRunner
from foreword.observability.logging import get_logger
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import BaseModel, LoadedModel, Schema, Task, TuningMethod
from foreword.plugin.manager import PluginManager
from foreword.scheduling.curve import CurveRecorder
from foreword.scheduling.heartbeat import Heartbeat, WorkerStoppingError
from foreword.scheduling.turn import Turn, TurnOverError
from foreword.storage.artifact_keys import checkpoints_key, tuned_model_key
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.checkpoints import CheckpointStore
from foreword.storage.database import Database
from foreword.storage.dataset_rows import open_rows
from foreword.storage.datasets import DatasetRepository
from foreword.storage.experiments import ExperimentRepository
from foreword.storage.jobs.leases import Company, Lease
from foreword.storage.publication import ArtifactPublisher
from foreword.storage.queue import ExperimentQueue
from foreword.tuning.adapter import adapter_files
from foreword.tuning.advice import curve_advice
from foreword.tuning.co_tuning import tune
from foreword.tuning.run import TrainResult, TuningRun

_log = get_logger("worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Resources shared by all runs of a worker."""

    settings: Settings
    plugins: PluginManager
    database: Database
    artifacts: ArtifactStore
    checkpoints: CheckpointStore
    queue: ExperimentQueue


ModelLoader = Callable[[BaseModel], LoadedModel]
Item = TypeVar("Item")


def _installed(noun: str, id: str, item: Item | None) -> Item:
    """Return an item of a plugin, or raise an error if this worker lacks the plugin."""
    if item is None:
        raise FailedPreconditionError(
            f"The {noun} {id!r} is not installed on this worker. Install its plugin there, or allow it in "
            "FOREWORD_PLUGINS, and create the experiment again.",
            reason="PLUGIN_MISSING",
        )
    return item


class ExperimentRun:
    """The run of a leased experiment. Every write is conditional on the epoch of the lease.

    Args:
        workshop: Resources shared by all runs.
        lease: The experiment, and the right to write its results.
        heartbeat: Renews the lease and raises an error when the run must stop.
        load: Returns a base model, and loads it if necessary.
    """

    def __init__(self, workshop: Workshop, lease: Lease, heartbeat: Heartbeat, load: ModelLoader) -> None:
        self._workshop = workshop
        self._lease = lease
        self._experiment = lease.experiment
        self._checkpoints_key = checkpoints_key(
            lease.experiment.tenant, lease.experiment.id, lease.experiment.create_time
        )
        self._company = Company(leases=[lease], had_turns={lease.job}, had_turn=True, is_full=True)
        self._heartbeat = heartbeat
        self._load = load
        self._first_step = 0
        self._turn = Turn(workshop.settings.turn_seconds)
        self._datasets = DatasetRepository(workshop.database, lease.experiment.tenant)
        plugins, config = workshop.plugins, self._experiment.config
        self._base: BaseModel = plugins.base_model(config.base_model)
        self._task: Task = _installed("task", config.task, plugins.tasks.get(config.task))
        self._method: TuningMethod = _installed(
            "tuning method", config.tuning_type, plugins.tuning_methods.get(config.tuning_type)
        )

    def execute(self) -> None:
        """Tune, evaluate and store the result.

        Raises:
            RunCancelledError: Cancellation of the run was requested.
            WorkerStoppingError: The worker was asked to stop. If it stopped between two updates, a checkpoint was
                written; during evaluation, the last checkpoint is used.
            TurnOverError: The worker goes to a run of another tenant; a checkpoint was written.
            LeaseLostError: Another worker owns the run.
            UnavailableError: The database or the artifact store is unavailable; the run can continue from its last
                checkpoint.
            ForewordError: The run cannot succeed for the reason in the error.
        """
        config = self._experiment.config
        rows, validation_rows = self._rows(config.dataset), self._rows(config.validation_dataset)
        model = self._load(self._base)
        self._heartbeat.check()
        runner = ModelRunner(model)
        tuning = self._tuning_run(model, runner, rows, validation_rows)
        recorder = CurveRecorder(
            total_steps=tuning.total_steps, total_epochs=tuning.total_epochs, now=self._workshop.database.now
        )
        self._tune(tuning, recorder)
        result = tuning.result()
        self._heartbeat.beat(recorder.in_phase(Phase.EVALUATING))
        evaluations = self._evaluate(runner, tuning, result)
        self._heartbeat.beat(recorder.in_phase(Phase.STORING))
        # Only a refit has been trained on the answers of the held-out rows.
        schema = self._experiment.plan.schema if result.refitted else tuning.training_schema
        self._store(result, schema, evaluations)

    def _rows(self, id: str | None) -> tuple[Row, ...]:
        """Return the rows of a dataset, all of them verified; no rows for None."""
        if id is None:
            return ()
        dataset = self._datasets.get(id)
        with open_rows(self._workshop.artifacts, dataset) as file:
            return tuple(read_rows(file))

    def _tuning_run(
        self, model: LoadedModel, runner: ModelRunner, rows: Sequence[Row], validation_rows: Sequence[Row]
    ) -> TuningRun:
        """Create the run of the method, which resumes from the newest checkpoint if there is one."""
        config, plan = self._experiment.config, self._experiment.plan

        def measure(contributions: Sequence[Contribution]) -> float:
            return held_out_metric(
                runner=runner,
                task=self._task,
                schema=tuning.training_schema,
                verbalizer=config.verbalizer,
                rows=tuning.validation_rows,
                contributions=contributions,
                parameters=plan.parameters,
                check=self._heartbeat.check,
            )

        make = partial(
            TuningRun,
            model=model,
            method=self._method,
            task=self._task,
            plan=plan,
            verbalizer=config.verbalizer,
            rows=rows,
            validation_rows=validation_rows,
            evaluate=measure,
        )
        try:
            tuning = make(state=self._workshop.checkpoints.latest_checkpoint(self._checkpoints_key))
        except ArtifactError as error:
            # Corrupt or from another version: the run loses time but continues.
            _log.warning("checkpoint_unusable", experiment=self._experiment.id, error=error.message)
            tuning = make()
        self._first_step = tuning.step
        self._workshop.queue.rewind(self._lease, tuning.step)
        return tuning

    def _tune(self, tuning: TuningRun, recorder: CurveRecorder) -> None:
        """Run the remaining steps, with a heartbeat after each one and periodic checkpoints.

        Raises:
            TurnOverError: The worker goes to a run of another tenant; a checkpoint was written.
        """
        experiment, plugins = self._experiment, self._workshop.plugins
        last_checkpoint = time.monotonic()
        self._turn.begin_tuning()
        for step in tune(tuning):
            snapshot = recorder.add(step)
            new: tuple[Snapshot, ...] = (snapshot,) if snapshot else ()
            try:
                self._heartbeat.beat(recorder.progress, new)
            except WorkerStoppingError:
                self._checkpoint(tuning)
                raise
            if snapshot:
                plugins.experiment_progressed(experiment, recorder.progress)
            if time.monotonic() - last_checkpoint >= self._workshop.settings.checkpoint_seconds:
                self._checkpoint(tuning)
                last_checkpoint = time.monotonic()
            if self._turn.is_due() and self._workshop.queue.leaving(self._company):
                self._yield(tuning)
        # Evaluation can take as long as tuning, and a worker that stops during evaluation must not lose both.
        self._checkpoint(tuning)

    def _yield(self, tuning: TuningRun) -> None:
        """Write a checkpoint and hand the worker over.

        The run continues if the checkpoint cannot be written, or if no other run waits any more.

        Raises:
            TurnOverError: The worker goes to a run of another tenant.
        """
        if self._checkpoint(tuning):
            duration = timedelta(seconds=self._workshop.settings.lease_seconds)
            following = self._workshop.queue.hand_over(self._company, [self._lease], duration)
            if following is not None:
                raise TurnOverError(following)

    def _checkpoint(self, tuning: TuningRun) -> bool:
        """Write a checkpoint. If the store is unavailable, the run continues and the previous one stays valid.

        Returns:
            Whether it was written.
        """
        started = time.monotonic()
        try:
            self._workshop.checkpoints.write_checkpoint(
                self._checkpoints_key, self._lease.epoch, tuning.step, tuning.state()
            )
        except UnavailableError as error:
            _log.warning(
                "checkpoint_not_written", experiment=self._experiment.id, step=tuning.step, error=error.message
            )
            return False
        self._turn.add_checkpoint(time.monotonic() - started)
        # Snapshots are no proof of progress: a run that always dies before its first checkpoint makes them too.
        if self._lease.lost_before and tuning.step > self._first_step:
            self._heartbeat.record_progress()
        return True

    def _evaluate(self, runner: ModelRunner, tuning: TuningRun, result: TrainResult) -> tuple[Evaluation, ...]:
        """Compare the adapter of the best epoch with the base model on the held-out rows."""
        if not tuning.validation_rows:
            return ()
        config, plan = self._experiment.config, self._experiment.plan
        return evaluate(
            runner=runner,
            task=self._task,
            schema=tuning.training_schema,
            verbalizer=config.verbalizer,
            rows=tuning.validation_rows,
            training_rows=tuning.training_rows,
            contributions=self._method.contributions(result.evaluated),
            instruction=config.instruction,
            with_base=config.evaluate_base,
            parameters=plan.parameters,
            check=self._heartbeat.check,
        )

    def _provenance(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Return the hashes of the dependencies of the tuned model and of its configuration file."""
        config = repr(self._experiment.config) + repr(self._experiment.plan.parameters)
        datasets = {
            "dataset": self._experiment.config.dataset,
            "validation_dataset": self._experiment.config.validation_dataset,
        }
        return {
            "base_model": self._base.spec.revision,
            **{kind: self._datasets.get(id).content_sha256 for kind, id in datasets.items() if id is not None},
            "config": hashlib.sha256(config.encode()).hexdigest(),
            "adapter_config": hashlib.sha256(files[CONFIG_FILE]).hexdigest(),
        }

    def _store(self, result: TrainResult, schema: Schema, evaluations: tuple[Evaluation, ...]) -> None:
        """Write the adapter, then commit the end of the experiment and the tuned model in one transaction."""
        experiment, plan, workshop = self._experiment, self._experiment.plan, self._workshop
        spec = self._base.spec
        files = adapter_files(self._method, result.artifact, spec)
        digest = hashlib.sha256(files[TENSORS_FILE]).hexdigest()
        model_id = uuid.uuid4().hex[:20]
        artifact = tuned_model_key(experiment.tenant, model_id, digest)
        snapshots = (
            ExperimentRepository(workshop.database, experiment.tenant).get(experiment.id, after_sequence=0).snapshots
        )
        end = partial(
            workshop.queue.succeed,
            self._lease,
            tuned_model=TunedModel(
                tenant=experiment.tenant,
                id=model_id,
                display_name=experiment.display_name,
                base_model=spec.id,
                tune_experiment=experiment.id,
                dataset=experiment.config.dataset,
                task=self._task.id,
                tuning_type=self._method.id,
                verbalizer=experiment.config.verbalizer,
                schema=schema,
                labels=plan.labels,
                multi_label=plan.multi_label,
                artifact=artifact,
                content_sha256=digest,
                byte_size=len(files[TENSORS_FILE]),
                num_virtual_tokens=result.artifact.context_tokens,
                max_input_tokens=plan.parameters.max_input_tokens,
                max_output_tokens=plan.parameters.max_output_tokens,
                provenance=self._provenance(files),
                evaluations=evaluations,
                creator=experiment.creator,
                create_time=workshop.database.now(),
            ),
            evaluations=evaluations,
            curve_advice=curve_advice(snapshots, plan),
            compute_seconds=self._heartbeat.compute_seconds,
        )
        publisher = ArtifactPublisher(database=workshop.database, artifacts=workshop.artifacts)
        with publisher.publish(experiment.tenant, artifact, files):
            end()
