"""A worker survives all failures of its runs, and a run survives all failures of its worker."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import threading
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import entry_points
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load
from sqlalchemy import select, update
from structlog.testing import capture_logs

from factories.plugins import make_plugin
from factories.runs import make_rows
from factories.serving import TinyBaseModel
from factories.stored import MOMENT, beat
from foreword.data.rows import write_rows
from foreword.domain.answer_calibration import CalibrationSource
from foreword.domain.dataset import Row
from foreword.domain.experiment import TuneExperiment
from foreword.domain.job import JobState
from foreword.domain.tuned_model import TENSORS_FILE
from foreword.errors import UnavailableError
from foreword.evaluation.row_statistics import RowStatistics
from foreword.plugin.manager import PluginManager
from foreword.scheduling.worker import Worker
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import JobRow
from foreword.storage.workers.queue import JobQueue
from foreword.tuning.runs import checkpoint
from foreword.tuning.split import split_for
from foreword_tasks.classification import Classification

MINUTE = timedelta(minutes=1)
KEY = b"key"


class StopWhenIdle(threading.Event):
    """A stop event that is set as soon as the worker would pause."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


class StopAt(threading.Event):
    """A stop event that is set at the n-th check, which may be between two updates or during evaluation."""

    def __init__(self, asked: int) -> None:
        super().__init__()
        self.left = asked

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def work(shop, failpoint: Callable[[str], None] = lambda _: None) -> None:
    """Run a worker until the queue is empty or the database is unavailable."""
    disturbed = shop.with_queue(lambda database: JobQueue(database, failpoint=failpoint))
    Worker(disturbed.workshop).run(StopWhenIdle())


def once(moment: str, call: Callable[[], None], *, at: int = 1) -> Callable[[str], None]:
    """Return a failpoint that runs `call` when the run, not the heartbeat thread, passes it the n-th time."""
    passed = [0]

    def failpoint(name: str) -> None:
        if name == moment and threading.current_thread().name != "heartbeat":
            passed[0] += 1
            if passed[0] == at:
                call()

    return failpoint


def away() -> None:
    raise UnavailableError("The database cannot be reached.")


def full(_: str) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def expire(shop, run: TuneExperiment) -> None:
    """Expire the lease, as if the worker had sent no heartbeat for long."""
    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).where(JobRow.resource == run.id).values(lease_expire_time=MOMENT))


def key_of(run: TuneExperiment) -> str:
    return checkpoints_key(run.tenant, run.id, run.create_time)


def state(shop, run: TuneExperiment) -> JobState:
    return shop.repository.get(run.id).state


def content(shop, run: TuneExperiment) -> str:
    model = shop.repository.get(run.id).tuned_model
    return TunedModelRepository(shop.workshop.database, "acme").get(model).content_sha256


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
    assert stored.temperature != 1


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


def test_a_lost_lease_ends_the_run_here_and_the_worker_takes_the_next(shop):
    lost, other = shop.queue_run(), shop.queue_run()
    leases = []

    def steal() -> None:
        expire(shop, lost)
        leases.append(shop.workshop.queue.lease("thief", MINUTE))

    work(shop, once("queue.heartbeat.after_commit", steal, at=3))

    (lease,) = leases
    assert (lease.experiment.id, lease.epoch, lease.lost_before) == (lost.id, 2, 1)
    assert not beat(shop.workshop.queue, lease, duration=MINUTE)
    assert state(shop, lost) is JobState.RUNNING
    assert state(shop, other) is JobState.SUCCEEDED


@pytest.mark.parametrize("moment", ["queue.heartbeat.before_commit", "queue.succeed.before_commit"])
def test_a_run_whose_database_was_away_for_a_moment_goes_on(shop, moment):
    run = shop.queue_run()
    outages = []

    def failpoint(name: str) -> None:
        is_run = threading.current_thread().name != "heartbeat"
        if name == moment and is_run and not outages and shop.repository.get(run.id, after_sequence=0).snapshots:
            outages.append(name)
            away()

    work(shop, failpoint)
    left = state(shop, run)
    expire(shop, run)
    work(shop)

    assert left is JobState.RUNNING
    assert state(shop, run) is JobState.SUCCEEDED


@pytest.mark.parametrize("moment", ["queue.fail.before_commit", "queue.cancelled.before_commit"])
def test_an_end_that_could_not_be_stored_does_not_end_the_worker(shop, moment):
    run = shop.queue_run(learning_rate=10.0 if "cancelled" in moment else float("1e30"))

    def failpoint(name: str) -> None:
        if name == "queue.lease.after_commit" and "cancelled" in moment and not state(shop, run).ended:
            shop.repository.request_cancel(run.id)
        if name == moment:
            away()

    work(shop, failpoint)
    expire(shop, run)
    work(shop)

    assert state(shop, run) is (JobState.CANCELLED if "cancelled" in moment else JobState.FAILED)


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(shop):
    undisturbed = shop.queue_run()
    work(shop)
    run = shop.queue_run()
    settings = shop.workshop.settings.model_copy(update={"checkpoint_seconds": 1e-6})
    store = CheckpointStore(settings.resolved_artifacts_url, key=KEY, failpoint=full)

    Worker(dataclasses.replace(shop.workshop, settings=settings, checkpoints=store)).run(StopWhenIdle())

    assert state(shop, run) is JobState.SUCCEEDED
    assert content(shop, run) == content(shop, undisturbed)


def test_a_run_that_crashes_fails_with_an_id_under_which_the_log_has_the_cause(shop):
    class Broken(CheckpointStore):
        def latest_checkpoint(self, key: str) -> bytes | None:
            raise RuntimeError("inner workings")

    run = shop.queue_run()
    store = Broken(shop.workshop.settings.resolved_artifacts_url, key=KEY)

    with capture_logs() as logs:
        Worker(dataclasses.replace(shop.workshop, checkpoints=store)).run(StopWhenIdle())

    failure = shop.repository.get(run.id).failure
    (entry,) = [entry for entry in logs if entry["event"] == "experiment_crashed"]
    assert (failure.kind, failure.reason) == ("internal", "INTERNAL")
    assert failure.message == f"The run crashed with RuntimeError. See the server log for error_id={entry['error_id']}."
    assert (entry["experiment"], entry["tenant"], entry["exc_info"]) == (run.id, "acme", True)


def test_a_run_whose_artifact_store_was_away_is_put_off_and_ends_from_its_checkpoint(shop):
    undisturbed = shop.queue_run()
    work(shop)
    run, queue = shop.queue_run(), shop.workshop.queue
    store = ArtifactStore(shop.workshop.settings.resolved_artifacts_url, failpoint=full)

    Worker(dataclasses.replace(shop.workshop, artifacts=store)).run(StopWhenIdle())
    left = state(shop, run)
    kept = shop.workshop.checkpoints.latest_checkpoint(key_of(run))
    at_once = queue.lease("impatient", MINUTE)
    expire(shop, run)
    later = queue.lease("w", MINUTE)
    queue.release(later)
    work(shop)

    assert left is JobState.RUNNING
    assert kept is not None
    assert at_once is None
    assert later.lost_before == 0
    assert content(shop, run) == content(shop, undisturbed)
    assert shop.workshop.checkpoints.latest_checkpoint(key_of(run)) is None


def test_a_refused_end_leaves_no_adapter(shop):
    run = shop.queue_run()

    def steal(moment: str) -> None:
        if moment == "artifacts.after_rename":
            expire(shop, run)
            assert shop.workshop.queue.lease("thief", MINUTE)

    url = shop.workshop.settings.resolved_artifacts_url
    Worker(dataclasses.replace(shop.workshop, artifacts=ArtifactStore(url, failpoint=steal))).run(StopWhenIdle())

    assert state(shop, run) is JobState.RUNNING
    assert not [path for path in Path(url).glob("tenants/*/tunedModels/**/*") if path.is_file()]


def test_checkpoints_left_by_an_earlier_run_of_the_same_id_are_not_taken_up(shop):
    checkpoints = shop.workshop.checkpoints
    earlier = shop.queue_run(id="nightly")
    for step in (400, 500):
        checkpoints.write_checkpoint(key_of(earlier), 2, step, b"left behind")
    shop.repository.request_cancel(earlier.id)
    shop.repository.delete(earlier.id)
    run = shop.queue_run(id="nightly")

    checkpoints.write_checkpoint(key_of(run), 1, 10, b"its own")

    assert checkpoints.latest_checkpoint(key_of(run)) == b"its own"


def test_an_experiment_that_is_deleted_while_it_ends_is_done_with(shop):
    deleted, other = shop.queue_run(), shop.queue_run()

    work(shop, once("queue.succeed.after_commit", lambda: shop.repository.delete(deleted.id)))

    assert [item.id for item in shop.repository.list().items] == [other.id]
    assert state(shop, other) is JobState.SUCCEEDED
    assert len(TunedModelRepository(shop.workshop.database, "acme").list().items) == 2


def test_a_stop_when_tuning_has_ended_loses_no_update(shop):
    undisturbed = shop.queue_run()
    work(shop)
    run, stop = shop.queue_run(), StopWhenIdle()
    store = CheckpointStore(
        shop.workshop.settings.resolved_artifacts_url,
        key=KEY,
        failpoint=lambda name: stop.set() if name == "checkpoints.before_prune" else None,
    )

    Worker(dataclasses.replace(shop.workshop, checkpoints=store)).run(stop)
    curve = shop.repository.get(run.id, after_sequence=0)
    work(shop)
    done = shop.repository.get(run.id, after_sequence=0)

    assert (curve.state, done.state) == (JobState.RUNNING, JobState.SUCCEEDED)
    assert done.snapshots == curve.snapshots
    assert content(shop, run) == content(shop, undisturbed)


def test_a_stop_at_any_moment_changes_nothing_in_the_result(shop):
    undisturbed = shop.queue_run()
    work(shop)
    expected = content(shop, undisturbed)
    states = set()
    for asked in (3, 20, 40, 60, 80):
        run, stop = shop.queue_run(), StopAt(asked)
        Worker(shop.workshop).run(stop)
        assert stop.left < 0
        states.add(state(shop, run))
        work(shop)
        found = shop.repository.get(run.id, after_sequence=0)
        assert content(shop, run) == expected
        assert [point.step for point in found.snapshots] == [1, 2, 3, 4, 5, 6]
    assert JobState.RUNNING in states


def test_giving_a_run_back_is_no_sign_of_a_crash_and_dying_with_it_is(shop):
    given_back, deadly = shop.queue_run(), shop.queue_run()
    queue = shop.workshop.queue
    for _ in range(25):
        queue.release(queue.lease("w", MINUTE))
    kept = queue.lease("w", MINUTE)
    for _ in range(20):
        assert queue.lease("w", MINUTE).experiment.id == deadly.id
        expire(shop, deadly)
    queue.release(kept)

    work(shop)

    assert state(shop, given_back) is JobState.SUCCEEDED
    failure = shop.repository.get(deadly.id).failure
    assert failure.reason == "WORKER_KEEPS_DYING"
    assert "20 times" in failure.message


def die_once_more(shop, run: TuneExperiment, *, checkpoint_seconds: float, after: Callable[[JobRow], bool]) -> None:
    """Nineteen leases were lost, and the worker of the next one dies after an update, once its job is as given."""

    def die(name: str) -> None:
        if name == "queue.heartbeat.after_commit" and threading.current_thread().name != "heartbeat":
            with shop.workshop.database.read() as session:
                job = session.scalars(select(JobRow)).one()
            if shop.repository.get(run.id, after_sequence=0).snapshots and after(job):
                raise KeyboardInterrupt

    with shop.workshop.database.write() as session:
        session.execute(update(JobRow).values(lost_leases=19))
    settings = shop.workshop.settings.model_copy(update={"checkpoint_seconds": checkpoint_seconds})
    disturbed = shop.with_queue(lambda database: JobQueue(database, failpoint=die))
    with pytest.raises(KeyboardInterrupt):
        Worker(dataclasses.replace(disturbed.workshop, settings=settings)).run(StopWhenIdle())
    expire(shop, run)


def test_lost_leases_are_forgotten_once_a_run_gets_further(shop):
    run = shop.queue_run()

    die_once_more(shop, run, checkpoint_seconds=1e-6, after=lambda job: job.lost_leases == 0)
    work(shop)

    assert state(shop, run) is JobState.SUCCEEDED


def test_lost_leases_count_as_long_as_every_worker_dies_before_its_first_checkpoint(shop):
    run = shop.queue_run()

    die_once_more(shop, run, checkpoint_seconds=3600.0, after=lambda job: job.lost_leases == 19)
    work(shop)

    assert shop.repository.get(run.id).failure.reason == "WORKER_KEEPS_DYING"


@pytest.mark.parametrize(
    "payload",
    [b"nonsense", checkpoint.pack({}, {"version": 99}), checkpoint.pack({"x": torch.zeros(1)}, {})],
    ids=["corrupt", "version", "empty"],
)
def test_a_checkpoint_that_is_of_no_use_costs_time_and_not_the_run(shop, payload):
    undisturbed = shop.queue_run()
    work(shop)  # alone, as the numbers of a run in company differ by rounding
    run = shop.queue_run()
    shop.workshop.checkpoints.write_checkpoint(key_of(run), 1, 5, payload)

    work(shop)

    assert content(shop, run) == content(shop, undisturbed)


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
