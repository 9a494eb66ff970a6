"""Export of runs and evaluations to MLflow: a tracking server, a database or a folder, through MLflow's own client.

A run of MLflow is found again by its tags `foreword.create_time` and `foreword.tune_experiment`, or
`foreword.evaluation`. Points of a curve that
it has already are not sent again, because MLflow would keep both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from foreword.client.exports.exported_run import ExportedRun
from foreword.client.exports.run_record import MetricPoint, RunRecord
from foreword.domain.job import JobState
from foreword.domain.report_limits import cut_text
from foreword.errors import FailedPreconditionError
from foreword.installation import install_command

DEFAULT_EXPERIMENT: Final = "foreword"
"""The MLflow experiment to which runs are exported by default."""

_PREFIX: Final = "foreword."
_OWN_TAGS: Final = f"{_PREFIX}tags"
"""The tag with the keys of the experiment's own tags, so that those which were removed are removed there too."""
_CURVES: Final = ("train/", "refit/", "validation/")
_RECIPE_FOLDER: Final = "foreword"
_MOST_CHARACTERS: Final = 5_000  # MLflow's limits are 6,000 for parameters and 8,000, once 5,000, for tags
_METRICS_PER_BATCH: Final = 1_000
_OTHERS_PER_BATCH: Final = 100
_DIGEST_CHARACTERS: Final = 36
_STATUS: Final[Mapping[JobState, str]] = {
    JobState.QUEUED: "SCHEDULED",
    JobState.RUNNING: "RUNNING",
    JobState.CANCELLING: "RUNNING",
    JobState.SUCCEEDED: "FINISHED",
    JobState.FAILED: "FAILED",
    JobState.CANCELLED: "KILLED",
}


class MlflowExporter:
    """Writes runs to an experiment of MLflow. Methods block.

    MLflow's reports of its use to its makers are switched off unless it was imported before, or
    MLFLOW_DISABLE_TELEMETRY is set.

    Args:
        tracking_uri: Address of the tracking server, database or folder. Default: that of MLflow.
        experiment_name: Name of the MLflow experiment, which is created if necessary.

    Raises:
        FailedPreconditionError: MLflow is not installed or cannot be reached.
    """

    def __init__(self, tracking_uri: str = "", experiment_name: str = DEFAULT_EXPERIMENT) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise FailedPreconditionError(
                f"An export to MLflow needs its package. Install it with: {install_command('mlflow')}",
                reason="MLFLOW_MISSING",
            ) from error
        self._tracking_uri = tracking_uri
        with _refusals(tracking_uri):
            self._client = MlflowClient(tracking_uri=tracking_uri or None)
            self._experiment = _experiment(self._client, experiment_name)

    def write(self, record: RunRecord) -> ExportedRun:
        """Write a run, or update it if it was exported before.

        Raises:
            FailedPreconditionError: MLflow cannot be reached, or refuses a value.
        """
        with _refusals(self._tracking_uri):
            return _Export(self._client, self._experiment, record).write()


class _Export:
    """The export of one run."""

    def __init__(self, client: Any, experiment: str, record: RunRecord) -> None:
        self._client = client
        self._experiment = experiment
        self._record = record

    def write(self) -> ExportedRun:
        """Create or update the run."""
        record, run = self._record, self._find()
        known = set() if run is None else self._known(run)
        if run is not None and not known <= {_place(point) for point in record.curve}:
            # The run went back to a checkpoint after the export, and MLflow cannot delete single points.
            self._client.delete_run(run.info.run_id)
            run, known = None, set()
        is_new = run is None
        if run is None:
            run = self._client.create_run(
                self._experiment,
                start_time=_milliseconds(record.start_time),
                tags=self._tags(),
                run_name=record.display_name,
            )
        id = run.info.run_id
        self._write_parameters(id, run.data.params)
        self._write_tags(id, run.data.tags)
        self._write_metrics(id, known, run.data.metrics)
        self._write_datasets(id)
        self._client.log_text(id, record.recipe, f"{_RECIPE_FOLDER}/{record.kind}.json")
        status = _STATUS[record.state]
        if record.end_time is None:
            self._client.update_run(id, status=status)
        else:
            self._client.set_terminated(id, status, end_time=_milliseconds(record.end_time))
        is_run = record.kind == "tune_experiment"
        return ExportedRun(
            tune_experiment=record.name if is_run else "",
            evaluation="" if is_run else record.name,
            display_name=record.display_name,
            target=id,
            is_new=is_new,
        )

    def _find(self) -> Any:
        """Return the run of an earlier export; None if there is none. Ids of deleted experiments may be used again."""
        wanted = {name: self._record.facts[name] for name in (self._record.kind, "create_time")}
        conditions = [f"tags.`{_PREFIX}{name}` = '{value}'" for name, value in wanted.items()]
        found = self._client.search_runs([self._experiment], " and ".join(conditions), max_results=1)
        return found[0] if found else None

    def _known(self, run: Any) -> set[tuple[str, int, int]]:
        """Return the metric, the step and the time of all points of curves that were exported before."""
        return {
            (metric, point.step, point.timestamp)
            for metric in run.data.metrics
            if metric.startswith(_CURVES)
            for point in self._client.get_metric_history(run.info.run_id, metric)
        }

    def _write_metrics(self, id: str, known: set[tuple[str, int, int]], last: Mapping[str, float]) -> None:
        """Write the points of curves and the results that were not written before.

        Args:
            last: The last value of each metric of the run.
        """
        from mlflow.entities import Metric

        record = self._record
        new = [
            Metric(point.metric, point.value, _milliseconds(point.time), point.step)
            for point in record.curve
            if _place(point) not in known
        ]
        if record.end_time is not None:
            time = _milliseconds(record.end_time)
            new += [
                Metric(name, value, time, record.result_step)
                for name, value in record.results.items()
                if name not in last
            ]
        for batch in _batches(new, _METRICS_PER_BATCH):
            self._client.log_batch(id, metrics=batch)

    def _write_parameters(self, id: str, known: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        new = [
            Param(name, cut_text(str(value), _MOST_CHARACTERS))
            for name, value in self._record.parameters.items()
            if name not in known  # they never change, and MLflow refuses another spelling
        ]
        for batch in _batches(new, _OTHERS_PER_BATCH):
            self._client.log_batch(id, params=batch)

    def _write_tags(self, id: str, known: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        tags = self._tags()
        for batch in _batches([RunTag(key, value) for key, value in tags.items()], _OTHERS_PER_BATCH):
            self._client.log_batch(id, tags=batch)
        for key in sorted(set(json.loads(known.get(_OWN_TAGS, "[]"))) & known.keys() - tags.keys()):
            self._client.delete_tag(id, key)

    def _tags(self) -> dict[str, str]:
        record = self._record
        tags = {
            **record.tags,
            "mlflow.runName": record.display_name,
            "mlflow.source.name": "foreword",
            "mlflow.note.content": "\n\n".join(
                text for text in (record.description, record.facts.get("curve_advice", "")) if text
            ),
            **{f"{_PREFIX}{name}": value for name, value in record.facts.items()},
            _OWN_TAGS: json.dumps(sorted(record.tags)),
        }
        return {key: cut_text(value, _MOST_CHARACTERS) for key, value in tags.items() if value}

    def _write_datasets(self, id: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=item.name.rsplit("/", 1)[-1],
                    digest=item.sha256[:_DIGEST_CHARACTERS],
                    source_type="foreword",
                    source=json.dumps({"name": item.name, "sha256": item.sha256}),
                ),
                tags=[InputTag("mlflow.data.context", item.use)],
            )
            for item in self._record.datasets
            if item.sha256
        ]
        if inputs:
            self._client.log_inputs(id, datasets=inputs)


def _experiment(client: Any, name: str) -> str:
    """Return the id of an MLflow experiment, which is created if necessary."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name))
        except MlflowException:
            found = client.get_experiment_by_name(name)  # somebody else may have created it in the meantime
            if found is None:
                raise
    return str(found.experiment_id)


@contextmanager
def _refusals(tracking_uri: str) -> Iterator[None]:
    """Translate the errors of MLflow and of the drivers of its stores."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, ImportError, OSError) as error:
        place = f"MLflow at {tracking_uri}" if tracking_uri else "MLflow"
        raise FailedPreconditionError(
            f"{place} cannot store the runs: {cut_text(' '.join(str(error).split()), 1_000)}",
            reason="MLFLOW_REFUSED",
        ) from error


def _batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _place(point: MetricPoint) -> tuple[str, int, int]:
    return point.metric, point.step, _milliseconds(point.time)


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)
