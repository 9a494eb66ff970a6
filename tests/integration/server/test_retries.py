"""RetryTuneExperiment on a real server, and `foreword experiments retry`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import grpc
import pytest

from factories.api import cancelled_experiment, create_experiment, create_sweep, refused, upload
from factories.servers import RunningServer
from factories.stored import beat, make_snapshot
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.failure import Failure
from foreword.domain.tenant import Scope
from foreword.errors import FailedPreconditionError
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.workers.queue import JobQueue
from foreword.v1 import dataset_service_pb2, tune_sweep_service_pb2
from foreword.v1 import tune_experiment_service_pb2 as pb2

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    found: RunningServer = start_server()
    return found


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


@pytest.fixture(scope="module")
def dataset(stubs) -> str:
    name: str = upload(stubs).name
    return name


def retry(stubs: Any, name: str, **fields: Any) -> Any:
    return stubs.experiments.RetryTuneExperiment(pb2.RetryTuneExperimentRequest(name=name, **fields))


def cancel(stubs: Any, name: str) -> None:
    stubs.experiments.CancelTuneExperiment(pb2.CancelTuneExperimentRequest(name=name))


def fail(server: RunningServer, stubs: Any, dataset: str, *, at: int, **fields: Any) -> str:
    """Return an experiment that a worker has begun and failed, with a checkpoint at a step; 0 for none."""
    name: str = create_experiment(stubs, dataset, **fields).name
    lease = server.queue.lease("by hand", MINUTE)
    assert lease is not None
    assert name.endswith(lease.experiment.id)
    beat(server.queue, lease, duration=MINUTE, snapshots=[make_snapshot(step) for step in (1, 2, 3)])
    if at:
        key = checkpoints_key(lease.experiment.tenant, lease.experiment.id, lease.experiment.create_time)
        server.checkpoints.write_checkpoint(key, lease.epoch, at, b"a state")
    server.queue.fail(lease, Failure(kind="internal", reason="INTERNAL", message="The disk was full."), 3600.0)
    return name


def test_a_retry_says_whether_it_continues_and_costs_nothing_yet(server, stubs, dataset: str) -> None:
    first = fail(server, stubs, dataset, at=2, tags={"team": "billing"}, display_name="night run")
    second = retry(stubs, first, tune_experiment_id="again")
    third = retry(stubs, first, from_beginning=True)
    found = stubs.experiments.GetTuneExperiment(pb2.GetTuneExperimentRequest(name=second.name))
    untouched = stubs.experiments.GetTuneExperiment(pb2.GetTuneExperimentRequest(name=first))
    for made in (second, third):
        cancel(stubs, made.name)

    assert second.name == "tenants/dev/tuneExperiments/again"
    assert (second.display_name, second.retry_of, second.resumed_step) == ("night run (2)", first, 2)
    assert (dict(second.tags), second.capacity_unit_hours) == ({"team": "billing"}, 0.0)
    assert [point.step for point in found.snapshots] == [1, 2]
    assert (third.retry_of, third.resumed_step) == (first, 0)
    assert (untouched.error.message, untouched.capacity_unit_hours) == ("The disk was full.", 1.0)
    assert untouched.plan == second.plan


def test_what_cannot_be_retried_is_refused_with_reason_and_remedy(server, stubs, dataset: str) -> None:
    queued = create_experiment(stubs, dataset).name
    active = refused(lambda _: retry(stubs, queued), None)
    cancel(stubs, queued)
    succeeded = create_experiment(stubs, dataset).name
    server.tune_by_hand(succeeded)
    sweep = create_sweep(stubs, dataset)
    stubs.sweeps.CancelTuneSweep(tune_sweep_service_pb2.CancelTuneSweepRequest(name=sweep.name))
    rows = upload(stubs, display_name="short-lived").name
    without_rows = cancelled_experiment(stubs, rows)
    stubs.datasets.DeleteDataset(dataset_service_pb2.DeleteDatasetRequest(name=rows))

    failures = [
        active,
        *(
            refused(lambda _, name=name: retry(stubs, name), None)
            for name in (succeeded, sweep.trials[0].tune_experiment, without_rows)
        ),
    ]

    assert {failure.code for failure in failures} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert [failure.reason for failure in failures] == [
        "EXPERIMENT_ACTIVE",
        "EXPERIMENT_SUCCEEDED",
        "TRIAL_OF_SWEEP",
        "DATASET_DELETED",
    ]
    assert failures[-1].metadata["resource"] == rows
    nobodys = refused(lambda _: retry(stubs, "tenants/dev/tuneExperiments/nobodys"), None)
    assert nobodys.code is grpc.StatusCode.NOT_FOUND
    bad = refused(lambda _: retry(stubs, queued, tune_experiment_id="No Id"), None)
    assert "tune_experiment_id" in bad.violations


def test_a_key_without_read_retries_only_what_it_has_made(server, stubs) -> None:
    writers = [server.stubs(server.new_key("writers", [Scope.WRITE])) for _ in range(2)]
    first = cancelled_experiment(writers[0], upload(writers[0]).name)

    made = retry(writers[0], first)
    other = refused(lambda _: retry(writers[1], first), None)
    cancel(writers[0], made.name)

    assert made.retry_of == first
    assert other.code is grpc.StatusCode.NOT_FOUND


def test_the_command_says_where_a_retry_begins(server, stubs, dataset: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    monkeypatch.setenv("COLUMNS", "200")
    first = fail(server, stubs, dataset, at=2, display_name="evening run")

    def call(*arguments: str) -> str:
        assert run(arguments) == 0
        return capsys.readouterr().out

    shown = call("experiments", "show", "evening run (1)")
    continued = call("experiments", "retry", "evening run (1)", "--detach")
    anew = json.loads(call("experiments", "retry", first, "--from-beginning", "--detach", "--json"))
    of_second = call("experiments", "show", "evening run (2)")
    for name in ("evening run (2)", "evening run (3)"):
        call("experiments", "cancel", name)

    id = first.rsplit("/", 1)[1]
    assert f"Retry it with: foreword experiments retry {id}" in shown
    assert f"evening run (2) continues {id} after 2 of " in continued
    assert "Queued. Watch it with: foreword experiments watch " in continued
    assert (anew["retry_of"], anew["resumed_step"]) == (first, 0)
    assert f"continues {id} after 2 of " in of_second
    assert run(("experiments", "retry", "nothing")) == 1
    assert "nothing" in capsys.readouterr().err


def test_a_run_that_is_being_cancelled_is_waited_for(server, stubs, dataset: str) -> None:
    name = create_experiment(stubs, dataset).name
    lease = JobQueue(server.database).lease("worker", MINUTE)
    cancel = pb2.CancelTuneExperimentRequest(name=name)
    stubs.experiments.CancelTuneExperiment(cancel)

    retry = pb2.RetryTuneExperimentRequest(name=name)
    failure = refused(stubs.experiments.RetryTuneExperiment, retry)
    JobQueue(server.database).cancelled(lease, 0.0)

    assert failure.message.endswith("is cancelling. Wait until it has ended, then retry it.")


def test_the_client_retries_by_display_name(server, stubs, dataset: str) -> None:
    cancelled_experiment(stubs, dataset, display_name="by name")

    with Client(server.endpoint, "dev") as client:
        made = client.retry_tune_experiment("by name (1)", tune_experiment_id="by-name")
        with pytest.raises(FailedPreconditionError, match="cancel it, then retry it"):
            client.retry_tune_experiment(made)
        client.cancel_tune_experiment(made)

    assert made.name.endswith("/by-name")
    assert made.resumed_step == 0
