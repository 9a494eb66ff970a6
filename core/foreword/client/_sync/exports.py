# Generated from `_async/exports.py` by `unasync.py`. Change that file, then run: make client

"""Export of experiments to MLflow and TensorBoard, and of evaluations to MLflow."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from foreword.client import resources
from foreword.client._sync.evaluations import EvaluationMethods
from foreword.client._sync.experiments import TuneExperimentMethods
from foreword.client._sync.tuned_models import TunedModelMethods
from foreword.client._sync.waiting import in_thread
from foreword.client.exports.evaluation_record import evaluation_record
from foreword.client.exports.exported_run import ExportedRun
from foreword.client.exports.run_record import RunRecord, run_record
from foreword.client.exports.to_mlflow import DEFAULT_EXPERIMENT, MlflowExporter
from foreword.client.exports.to_tensorboard import TensorboardExporter
from foreword.client.message import collected
from foreword.client.reference import Reference
from foreword.errors import NotFoundError


class ExportMethods(TuneExperimentMethods, EvaluationMethods, TunedModelMethods):
    """Methods that export experiments and evaluations."""

    def export_to_mlflow(
        self,
        experiments: Iterable[Reference],
        *,
        tracking_uri: str = "",
        experiment_name: str = DEFAULT_EXPERIMENT,
    ) -> list[ExportedRun]:
        """Write experiments to MLflow, each as one run; a run that was exported before is updated.

        A run has the parameters, the tags, the learning curve by update, the results, the hashes of the datasets and,
        as the artifact `foreword/tune_experiment.json`, the whole recipe. Values that are not finite are only in the
        recipe.

        Args:
            tracking_uri: Address of the tracking server, or a database such as `sqlite:///mlflow.db`. Default: that of
                MLflow, such as MLFLOW_TRACKING_URI.
            experiment_name: Name of the MLflow experiment, which is created if necessary.

        Returns:
            The runs of MLflow, in the order of the experiments.

        Raises:
            NotFoundError: An experiment does not exist in the caller's tenant.
            FailedPreconditionError: MLflow is not installed, cannot be reached, or refuses a value.
        """
        exporter = in_thread(MlflowExporter, tracking_uri, experiment_name)
        return self._exported(experiments, exporter)

    def export_evaluations_to_mlflow(
        self,
        evaluations: Iterable[Reference],
        *,
        tracking_uri: str = "",
        experiment_name: str = DEFAULT_EXPERIMENT,
    ) -> list[ExportedRun]:
        """Write evaluations to MLflow, each as one run; one that was exported before is updated.

        A run has the systems as parameters, and once the evaluation has ended, the metrics of each with their
        intervals, its calibration error, tokens and time, and the differences to the first system. The hashes of the
        datasets and the artifact `foreword/evaluation.json` are those of `export_to_mlflow`.

        Args:
            tracking_uri: As in `export_to_mlflow`.
            experiment_name: Name of the MLflow experiment, which is created if necessary.

        Returns:
            The runs of MLflow, in the order of the evaluations.

        Raises:
            NotFoundError: An evaluation does not exist in the caller's tenant.
            FailedPreconditionError: MLflow is not installed, cannot be reached, or refuses a value.
        """
        exporter = in_thread(MlflowExporter, tracking_uri, experiment_name)
        exported: list[ExportedRun] = []
        for item in collected("evaluations", evaluations):
            evaluation = self.get_evaluation(item)
            hashes = self._hashes(evaluation.dataset, evaluation.examples_dataset)
            exported.append(in_thread(exporter.write, evaluation_record(evaluation, hashes)))
        return exported

    def export_to_tensorboard(self, experiments: Iterable[Reference], logdir: str | PathLike[str]) -> list[ExportedRun]:
        """Write experiments for TensorBoard, each to a folder below `logdir`; what was exported before is replaced.

        A run has its parameters in the table of hyperparameters, the learning curve by update, the results, and as
        texts its tags, the hashes of the datasets and the whole recipe. Values that are not finite are only in the
        recipe.

        Returns:
            The folders, in the order of the experiments.

        Raises:
            NotFoundError: An experiment does not exist in the caller's tenant.
            InvalidArgumentError: The folder cannot be written to.
            FailedPreconditionError: TensorBoard is not installed, or the folder of a run holds another run.
        """
        return self._exported(experiments, in_thread(TensorboardExporter, Path(logdir)))

    def _exported(
        self, experiments: Iterable[Reference], exporter: MlflowExporter | TensorboardExporter
    ) -> list[ExportedRun]:
        """Export experiments one after the other, so that only one learning curve is in memory."""
        return [in_thread(exporter.write, self._record(item)) for item in collected("experiments", experiments)]

    def _record(self, reference: Reference) -> RunRecord:
        experiment = self.get_tune_experiment(reference)
        hashes = self._hashes(experiment.dataset, experiment.validation_dataset)
        return run_record(experiment, hashes, self._provenance(experiment))

    def _hashes(self, *names: str) -> dict[str, str]:
        """Return the hashes of those datasets that still exist."""
        hashes: dict[str, str] = {}
        for name in filter(None, names):
            try:
                hashes[name] = (self.get_dataset(name)).content_sha256
            except NotFoundError:  # deleted; a tuned model may know its hash
                continue
        return hashes

    def _provenance(self, experiment: resources.TuneExperiment) -> dict[str, str]:
        if not experiment.tuned_model:
            return {}
        try:
            return dict((self.get_tuned_model(experiment.tuned_model)).provenance)
        except NotFoundError:  # deleted
            return {}
