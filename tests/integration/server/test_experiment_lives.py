"""TuneExperimentService: experiments are watched, cancelled and deleted."""

from __future__ import annotations

import threading
from datetime import timedelta

import grpc
import pytest

from factories.api import create_experiment, refused, upload
from factories.queued_runs import finish_queue, snapshot_of
from factories.servers import RunningServer
from factories.stored import beat
from foreword.domain.experiment import Progress
from foreword.domain.failure import Failure
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.v1 import dataset_service_pb2, tune_experiment_pb2
from foreword.v1 import tune_experiment_service_pb2 as pb2

State = tune_experiment_pb2.TuneExperiment.State


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    """A server with a queue for this file only."""
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    return upload(stubs).name


def test_watch_sends_every_change_with_new_snapshots_only_and_ends_with_the_run(
    server: RunningServer, stubs, dataset: str
):
    created = create_experiment(stubs, dataset, display_name="watched")
    lease = server.queue.lease("test", timedelta(seconds=60))
    seen: list[tune_experiment_pb2.TuneExperiment] = []
    started = threading.Event()

    def watch() -> None:
        for change in stubs.experiments.WatchTuneExperiment(pb2.WatchTuneExperimentRequest(name=created.name)):
            seen.append(change.tune_experiment)
            started.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert started.wait(60)
    for step in (1, 2, 3):
        beat(
            server.queue,
            lease,
            progress=Progress(percent=step, step=step),
            snapshots=[snapshot_of(step)],
            compute_seconds=step,
            duration=timedelta(seconds=60),
        )
    server.queue.fail(lease, Failure(kind="failed_precondition", reason="DIVERGED", message="It diverged."), 3.0)
    watcher.join(60)

    assert not watcher.is_alive()
    assert [snapshot.sequence for change in seen for snapshot in change.snapshots] == [1, 2, 3]
    assert seen[-1].state == State.STATE_FAILED
    assert seen[-1].error.message == "It diverged."
    assert seen[-1].error.code == grpc.StatusCode.FAILED_PRECONDITION.value[0]


def test_a_broken_watch_continues_after_the_last_snapshot(server: RunningServer, stubs, dataset: str):
    created = create_experiment(stubs, dataset, display_name="resumed")
    lease = server.queue.lease("test", timedelta(seconds=60))
    beat(
        server.queue,
        lease,
        progress=None,
        snapshots=[snapshot_of(step) for step in (1, 2, 3)],
        compute_seconds=1.0,
        duration=timedelta(seconds=60),
    )
    server.queue.fail(lease, Failure(kind="internal", reason="TEST", message="Over."), 1.0)

    request = pb2.WatchTuneExperimentRequest(name=created.name, after_sequence=2)
    changes = list(stubs.experiments.WatchTuneExperiment(request))

    assert [snapshot.sequence for change in changes for snapshot in change.tune_experiment.snapshots] == [3]
    full = stubs.experiments.GetTuneExperiment(pb2.GetTuneExperimentRequest(name=created.name))
    assert [snapshot.sequence for snapshot in full.snapshots] == [1, 2, 3]
    assert full.snapshots[1].validation_metric == 0.5
    assert not full.snapshots[0].HasField("validation_metric")


def test_a_negative_sequence_is_refused(stubs):
    request = pb2.WatchTuneExperimentRequest(name="tenants/dev/tuneExperiments/x", after_sequence=-1)

    failure = refused(stubs.experiments.WatchTuneExperiment, request)

    assert set(failure.violations) == {"after_sequence"}


def test_a_queued_run_is_cancelled_at_once_and_again_without_effect(stubs, dataset: str):
    name = create_experiment(stubs, dataset, display_name="cancelled").name

    first = stubs.experiments.CancelTuneExperiment(pb2.CancelTuneExperimentRequest(name=name))
    again = stubs.experiments.CancelTuneExperiment(pb2.CancelTuneExperimentRequest(name=name))

    assert first.state == again.state == State.STATE_CANCELLED


def test_a_run_that_has_ended_cannot_be_cancelled_but_deleted(server: RunningServer, stubs, dataset: str):
    name = create_experiment(stubs, dataset, display_name="ended").name
    refused_delete = refused(stubs.experiments.DeleteTuneExperiment, pb2.DeleteTuneExperimentRequest(name=name))
    finish_queue(server)

    refused_cancel = refused(stubs.experiments.CancelTuneExperiment, pb2.CancelTuneExperimentRequest(name=name))
    stubs.experiments.DeleteTuneExperiment(pb2.DeleteTuneExperimentRequest(name=name))

    assert refused_delete.code is refused_cancel.code is grpc.StatusCode.FAILED_PRECONDITION
    gone = refused(stubs.experiments.GetTuneExperiment, pb2.GetTuneExperimentRequest(name=name))
    assert gone.code is grpc.StatusCode.NOT_FOUND


def test_an_experiment_is_deleted_with_checkpoints_that_were_left(server: RunningServer, stubs, dataset: str):
    name = create_experiment(stubs, dataset, display_name="killed").name
    lease = server.queue.lease("killed before it deleted them", timedelta(seconds=60))
    key = checkpoints_key(lease.experiment.tenant, lease.experiment.id, lease.experiment.create_time)
    server.checkpoints.write_checkpoint(key, lease.epoch, 1, b"left")
    server.queue.fail(lease, Failure(kind="internal", reason="INTERNAL", message="It broke."), 1.0)

    stubs.experiments.DeleteTuneExperiment(pb2.DeleteTuneExperimentRequest(name=name))

    assert name.endswith(lease.experiment.id)
    assert server.checkpoints.latest_checkpoint(key) is None


def test_a_dataset_in_use_cannot_be_deleted(server: RunningServer, stubs):
    name = upload(stubs, display_name="used").name
    create_experiment(stubs, name)

    failure = refused(stubs.datasets.DeleteDataset, dataset_service_pb2.DeleteDatasetRequest(name=name))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    finish_queue(server)
