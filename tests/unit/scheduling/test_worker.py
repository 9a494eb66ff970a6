"""A worker survives all failures of its runs, and a run survives all failures of its worker."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import timedelta
from importlib.metadata import entry_points
from itertools import combinations

import numpy as np
import pytest
import torch
from safetensors.torch import load

from factories.plugins import make_plugin
from factories.runs import make_rows
from factories.serving import TinyBaseModel
from factories.workers import StopWhenIdle, content, key_of, work
from foreword.data.rows import write_rows
from foreword.domain.answer_calibration import MAX_P_VALUE, PRECISIONS, CalibrationSource
from foreword.domain.dataset import Row
from foreword.domain.job import JobState
from foreword.domain.tuned_model import TENSORS_FILE
from foreword.evaluation.row_statistics import RowStatistics
from foreword.plugin.manager import PluginManager
from foreword.scheduling.worker import Worker
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.tuning.split import split_for
from foreword_tasks.classification import Classification

MINUTE = timedelta(minutes=1)
KEY = b"key"


def test_a_run_ends_with_a_tuned_model_and_leaves_no_checkpoint(shop):
    run = shop.queue_run()

    work(shop)

    found = shop.repository.get(run.id, after_sequence=0)
    assert found.state is JobState.SUCCEEDED
    assert [point.step for point in found.snapshots] == [1, 2, 3, 4, 5, 6]
    assert shop.workshop.checkpoints.latest_checkpoint(key_of(run)) is None
    assert content(shop, run)


class Witness(Classification):
    """A task that records the candidate label sets in evaluation and serving."""

    id = "witness"

    def __init__(self):
        self.candidates: list[set[tuple[str, ...]]] = []

    def label_space(self, schema):
        space = super().label_space(schema)
        self.candidates.append(set(space.label_sets))
        return space


def test_answers_that_only_held_out_rows_have_become_candidates_by_a_refit_alone(shop):
    pairs = [", ".join(pair) for pair in combinations(("Planning", "Quality", "Sales", "Service", "Warehouse"), 2)]
    rows = [Row(number=number, input=f"Text {number}", output=pair) for number, pair in enumerate(pairs, start=1)]
    witness, tasks = Witness(), shop.workshop.plugins.tasks
    tasks.claim("tests")
    tasks.add(witness)
    runs = [shop.queue_run(task="witness", rows=rows, num_epochs=1, refit=refit) for refit in (False, True)]

    work(shop)

    everything = {tuple(pair.split(", ")) for pair in pairs}
    trained = {tuple(row.output.split(", ")) for row in split_for(runs[0].plan, witness, rows).training}
    assert trained < everything
    assert trained in witness.candidates
    # Only the search for mislabelled rows takes all answers as right ones, once for each run.
    assert [candidates for candidates in witness.candidates if candidates != trained] == [everything, everything]
    models = TunedModelRepository(shop.workshop.database, "acme")
    stored = [models.get(shop.repository.get(run.id).tuned_model).schema for run in runs]
    assert [{tuple(labels) for labels in schema["label_sets"]} for schema in stored] == [trained, everything]
    assert stored[0]["labels"] == stored[1]["labels"]


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ({"refit": False}, CalibrationSource.HELD_OUT),
        ({"refit": True}, CalibrationSource.HELD_OUT_BEFORE_REFIT),
        ({"refit": False, "validation_split": 0.0}, None),
    ],
)
def test_a_closed_run_stores_the_calibration_of_its_answers_to_the_held_out_rows(shop, values, source):
    run = shop.queue_run(num_epochs=1, **values)

    work(shop)

    found = shop.repository.get(run.id)
    stored = TunedModelRepository(shop.workshop.database, "acme").get(found.tuned_model).answer_calibration
    if source is None:
        assert stored is None
        return
    assert stored.source is source
    assert stored.row_count == found.evaluations[0].row_count
    statistics, schema = RowStatistics.from_text(found.evaluations[0].row_statistics)
    metrics = Classification().metrics_of_sums(sums_of(statistics), schema)
    assert metrics == pytest.approx({name: found.evaluations[0].metrics[name] for name in metrics})
    assert 0 < stored.fitted_row_count <= stored.row_count
    assert stored.temperature == 1 or stored.p_value <= MAX_P_VALUE
    assert 0 < stored.expected_calibration_error_by_chance < 1
    assert {item.precision for item in stored.thresholds} == (set(PRECISIONS) if stored.row_count >= 30 else set())


def sums_of(statistics: RowStatistics) -> list[float]:
    table = statistics.table()
    return table.sums(np.bincount(table.pattern_N, minlength=table.size)[None])[0]


def test_a_run_with_a_validation_dataset_trains_on_all_rows_and_measures_on_the_other_ones(shop):
    rows, validation_rows = make_rows(), [Row(number=n, input=f"Where is order {n}?", output="Service") for n in (1, 2)]
    run = shop.queue_run(rows=rows, validation_rows=validation_rows, validation_split=0.0, num_epochs=1, batch_size=4)

    work(shop)

    found = shop.repository.get(run.id, after_sequence=0)
    (evaluation,) = found.evaluations
    assert found.snapshots[-1].step == len(rows) // 4
    assert [example.input for example in evaluation.examples] == [row.input for row in validation_rows]
    assert (found.suspect_rows.examined_row_count, found.suspect_rows.row_count) == (14, 14)
    assert {item.dataset for item in found.suspect_rows.rows} <= {run.config.dataset, run.config.validation_dataset}
    model = TunedModelRepository(shop.workshop.database, "acme").get(found.tuned_model)
    hashes = [hashlib.sha256(write_rows(some)).hexdigest() for some in (rows, validation_rows)]
    assert [model.provenance[name] for name in ("dataset", "validation_dataset")] == hashes


@pytest.mark.parametrize("tuning_type", ["prompt_tuning", "ia3"])
def test_a_run_starts_from_a_tuned_model_and_names_its_hash(shop, tuning_type):
    first = shop.queue_run(tuning_type=tuning_type)
    work(shop)
    models = TunedModelRepository(shop.workshop.database, "acme")
    start = models.get(shop.repository.get(first.id).tuned_model)

    second = shop.queue_run(
        tuning_type=tuning_type, init_tuned_model=f"tenants/acme/tunedModels/{start.id}", num_epochs=1,
        learning_rate=1e-8,
    )  # fmt: skip
    work(shop)

    tuned = models.get(shop.repository.get(second.id).tuned_model)
    assert tuned.provenance["init_tuned_model"] == start.content_sha256
    assert "init_tuned_model" not in start.provenance
    files = [load(shop.workshop.artifacts.read(model.artifact, TENSORS_FILE)) for model in (start, tuned)]
    for name, tensor in files[0].items():
        torch.testing.assert_close(files[1][name], tensor, rtol=0, atol=1e-6)


def test_a_run_whose_start_was_deleted_fails_and_says_so(shop):
    first = shop.queue_run()
    work(shop)
    models = TunedModelRepository(shop.workshop.database, "acme")
    name = f"tenants/acme/tunedModels/{shop.repository.get(first.id).tuned_model}"
    second = shop.queue_run(init_tuned_model=name)
    models.delete(name.rsplit("/", 1)[-1])

    work(shop)

    failure = shop.repository.get(second.id).failure
    assert failure.reason == "START_DELETED"
    assert f"{name}, from which the run starts, has been deleted." in failure.message


def test_a_plugin_sees_a_run_begin_move_and_end(shop):
    told = []
    watch = make_plugin(
        "watch",
        experiment_started=lambda experiment: told.append(("started", experiment.state)),
        experiment_progressed=lambda experiment, progress: told.append(("progressed", progress.step)),
        experiment_finished=lambda experiment: told.append(("finished", experiment.state)),
    )
    own = [point for point in entry_points(group="foreword") if point.name in ("tasks", "methods")]
    plugins = PluginManager([*own, watch])
    plugins.base_models.add(TinyBaseModel())
    shop.queue_run()

    Worker(dataclasses.replace(shop.workshop, plugins=plugins)).run(StopWhenIdle())

    steps = [step for what, step in told if what == "progressed"]
    assert told[0] == ("started", JobState.RUNNING)
    assert told[-1] == ("finished", JobState.SUCCEEDED)
    assert steps
    assert steps == sorted(set(steps))


def test_a_worker_keeps_no_more_base_models_than_its_memory_is_meant_for(shop):
    small, other = TinyBaseModel(), TinyBaseModel("t5")
    room = int(1.1 * 4 * max(model.spec.parameter_count for model in (small, other)))
    plugins = PluginManager(entry_points(group="foreword"), allow=("foreword:tasks", "foreword:methods"))
    plugins.base_models.add(small)
    plugins.base_models.add(other)
    settings = shop.workshop.settings.model_copy(update={"base_model_cache_bytes": room})
    for base_model in ("tiny--bart", "tiny--t5", "tiny--bart"):
        shop.queue_run(base_model=base_model)
    worker = Worker(dataclasses.replace(shop.workshop, plugins=plugins, settings=settings))

    worker.run(StopWhenIdle())

    assert [run.state for run in shop.repository.list().items] == [JobState.SUCCEEDED] * 3
    assert (small.loads, other.loads) == (2, 1)
