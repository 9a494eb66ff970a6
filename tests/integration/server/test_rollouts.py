"""Canaries and shadows under traffic: real servers, real requests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count

import pytest

from factories.api import create_experiment, tuned_model, upload
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.client import Canary, Client, Deployment, Rollout, RolloutState, Shadow, ShadowFigures
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.domain.tuned_model import TENSORS_FILE
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.v1 import inference_service_pb2 as pb2

TEXT = "Two screws are missing."
_names = count(1)


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    # Nothing is kept, so that a spoilt artifact fails at the next request.
    return start_server(prompt_cache_bytes=0)


@pytest.fixture(scope="module")
def client(server):
    with Client(server.endpoint, "dev") as connected:
        yield connected


@pytest.fixture
def stable(server, client) -> Deployment:
    """A deployment of a tuned model under a new name."""
    return client.create_deployment(tuned_model(server, server.stubs()), serving_name=f"triage-{next(_names)}")


def spoil(server: RunningServer, model: str) -> None:
    """Overwrite the tensors of a tuned model in the store."""
    (folder,) = (server.settings.home / "artifacts").rglob(model.rsplit("/", 1)[1])
    (folder / TENSORS_FILE).write_bytes(b"spoilt")


@contextmanager
def hanging(server: RunningServer, model: str) -> Iterator[None]:
    """Let every read of the tensors of a tuned model hang: they become a pipe into which nobody writes."""
    (folder,) = (server.settings.home / "artifacts").rglob(model.rsplit("/", 1)[1])
    pipe = folder / TENSORS_FILE
    pipe.unlink()
    os.mkfifo(pipe)
    try:
        yield
    finally:
        with suppress(OSError):  # nobody reads
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def generate(client: Client, deployment: Deployment) -> str:
    """Return the model that answers a request."""
    return client.generate(deployment.serving_name, TEXT, max_new_tokens=1).model_version


def rollout_of(client: Client, deployment: Deployment, revision: int = 2) -> Rollout:
    found = client.get_deployment(deployment.name)
    rollout = next(item.rollout for item in found.revisions if item.revision == revision)
    assert rollout is not None
    return rollout


def calibrated_model(server: RunningServer, *, answers: bool) -> str:
    """Return a tuned model that always or never reaches the precision 0.9."""
    threshold = PrecisionThreshold(precision=0.9, probability=0.0 if answers else 1.0, row_count=20, right_count=19)
    calibration = AnswerCalibration(
        temperature=2.0, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=38,
        expected_calibration_error_before=0.25, expected_calibration_error_after=0.0625, thresholds=(threshold,),
    )  # fmt: skip
    stubs = server.stubs()
    return server.tune_by_hand(create_experiment(stubs, upload(stubs).name).name, calibration=calibration)


def test_a_bad_revision_is_rolled_back_within_200_canary_requests_and_no_client_sees_an_error(
    server, start_server, client, stable
):
    second = start_server(home=server.settings.home, prompt_cache_bytes=0)
    bad = tuned_model(server, server.stubs())
    client.update_deployment(stable, model=bad, rollout=Canary(share=0.5))
    spoil(server, bad)

    # In turn, because the engines of two servers in one process cannot compute at the same time.
    with Client(second.endpoint, "dev") as other:
        answering = {generate((client, other)[number % 2], stable) for number in range(40)}
        wait_until(lambda: rollout_of(client, stable).state is RolloutState.ROLLED_BACK)
        settled = rollout_of(client, stable).candidate_figures
        answering |= {generate(one, stable) for one in (client, other) for _ in range(4)}

    found = client.get_deployment(stable.name)
    assert answering == {stable.model}
    assert settled is not None
    assert 2 <= settled.errors == settled.requests <= 200
    assert rollout_of(client, stable).candidate_figures == settled, "it gets no more requests"
    assert (found.serving_revision, found.candidate_revision, found.model) == (1, 0, stable.model)
    assert found.failure is not None
    assert found.failure.message.startswith("Revision 2 was rolled back. Of ")


def test_a_hanging_revision_is_rolled_back_within_200_canary_requests_and_no_client_sees_an_error(
    server, client, stable
):
    hung = tuned_model(server, server.stubs())
    client.update_deployment(stable, model=hung, rollout=Canary(share=0.5, max_latency_ratio=1000.0))

    with hanging(server, hung), Client(server.endpoint, "dev", timeout_seconds=4.0) as hurried:
        with ThreadPoolExecutor(8) as pool:
            answering = set(pool.map(lambda _: generate(hurried, stable), range(32)))
        wait_until(lambda: rollout_of(client, stable).state is RolloutState.ROLLED_BACK)
        answering |= {generate(hurried, stable) for _ in range(4)}

    figures = rollout_of(client, stable).candidate_figures
    assert answering == {stable.model}
    assert figures is not None
    assert figures.requests == figures.errors == figures.error_reasons["DEADLINE_EXCEEDED"] <= 200


def test_a_revision_that_always_abstains_is_rolled_back(server, client):
    deployment = client.create_deployment(calibrated_model(server, answers=True), serving_name="certain")
    doubtful = calibrated_model(server, answers=False)
    client.update_deployment(deployment, model=doubtful, rollout=Canary(share=0.5))

    for _ in range(100):
        client.classify("certain", TEXT, min_precision=0.9)
        if not client.get_deployment(deployment.name).candidate_revision:
            break
    wait_until(lambda: not client.get_deployment(deployment.name).candidate_revision)

    rollout = rollout_of(client, deployment)
    assert rollout.state is RolloutState.ROLLED_BACK
    assert "it abstained in 100.0% of its classifications" in rollout.explanation
    assert rollout.candidate_figures is not None
    assert rollout.candidate_figures.requests <= 50


def test_a_good_revision_is_promoted_after_the_wanted_number_of_requests(server, client, stable):
    good = tuned_model(server, server.stubs())
    canary = Canary(share=0.9, promote_after_requests=50, max_latency_ratio=1000.0)
    client.update_deployment(stable, model=good, rollout=canary)

    with ThreadPoolExecutor(4) as pool:
        answering = list(pool.map(lambda _: generate(client, stable), range(64)))
    wait_until(lambda: not client.get_deployment(stable.name).candidate_revision)

    found = client.get_deployment(stable.name)
    assert set(answering) == {stable.model, good}
    assert (found.serving_revision, found.model, found.failure) == (2, good, None)
    assert 50 <= int(rollout_of(client, stable).explanation.split()[1]) <= 64
    assert generate(client, stable) == good


def test_a_repeated_request_goes_to_the_same_revision(server, client, stable):
    stubs = server.stubs()
    client.update_deployment(stable, model=tuned_model(server, stubs), rollout=Canary(share=0.5))

    def answering(id: str) -> str:
        request = pb2.GenerateRequest(model=stable.serving_name, text=TEXT, parameters={"max_new_tokens": 1})
        return stubs.inference.Generate(request, metadata=[("x-request-id", id)]).model_version

    ids = [f"request-{number}" for number in range(20)]
    chosen = [answering(id) for id in ids]

    assert len(set(chosen)) == 2
    assert [answering(id) for id in ids] == chosen


def test_streams_and_batches_of_a_bad_canary_are_answered_by_the_stable_revision(server, client, stable):
    bad = tuned_model(server, server.stubs())
    client.update_deployment(stable, model=bad, rollout=Canary(share=0.9, max_error_ratio=1.0))
    spoil(server, bad)

    streamed = [list(client.stream_generate(stable.serving_name, TEXT))[-1].result for _ in range(5)]
    batch = client.batch_generate(stable.serving_name, [TEXT] * 10)

    assert {item.model_version for item in (*streamed, *batch)} == {stable.model}
    wait_until(lambda: (figures := rollout_of(client, stable).candidate_figures) and figures.errors >= 8)
    with pytest.raises(InvalidArgumentError, match="stop_sequences"):  # the caller's own fault is no error of a canary
        client.generate(stable.serving_name, TEXT, stop_sequences=["x"] * 1000)


def test_the_answers_of_a_shadow_are_compared_and_never_returned(server, client, stable):
    client.update_deployment(stable, model="baseModels/foreword--starter", rollout=Shadow(share=1.0))

    def figures() -> ShadowFigures:
        found = rollout_of(client, stable).shadow_figures
        assert found is not None
        return found

    assert generate(client, stable) == stable.model
    wait_until(lambda: figures().compared == 1)
    # A base model has no labels to choose from, so it cannot answer Classify.
    assert client.classify(stable.serving_name, TEXT).model_version == stable.model
    wait_until(lambda: figures().errors + figures().shed == 1)
    assert client.rollback_deployment(stable).candidate_revision == 0


def test_a_canary_is_promoted_and_ended_by_hand(server, client, stable):
    second = tuned_model(server, server.stubs())
    asked = client.update_deployment(stable, model=second, rollout=Canary(share=0.001, max_duration=timedelta(hours=1)))
    assert asked.candidate is not None
    waiting = asked.candidate.rollout
    assert waiting is not None
    assert waiting.plan.max_duration == waiting.expire_time - waiting.start_time == timedelta(hours=1)
    assert client.promote_deployment(stable).serving_revision == 2
    assert generate(client, stable) == second
    assert rollout_of(client, stable).state is RolloutState.PROMOTED

    client.update_deployment(stable, model=stable.model, rollout=Canary(share=0.9))
    with pytest.raises(FailedPreconditionError, match=r"Delete or update the deployment first"):
        client.delete_tuned_model(stable.model)
    ended = client.rollback_deployment(stable)
    assert (ended.serving_revision, ended.candidate_revision) == (2, 0)
    assert {generate(client, stable) for _ in range(10)} == {second}
    with pytest.raises(FailedPreconditionError, match="no canary or shadow"):
        client.promote_deployment(stable)


def test_watching_ends_with_the_rollout(server, client, stable):
    client.update_deployment(stable, model=tuned_model(server, server.stubs()), rollout=Canary(share=0.5))
    watched = client.watch_rollout(stable)

    first = next(watched)
    client.rollback_deployment(stable)
    (last,) = watched

    assert first.candidate is not None
    assert (last.candidate, rollout_of(client, last).explanation) == (None, "Rolled back on request.")
    assert [item.candidate_revision for item in client.watch_rollout(stable)] == [0]


@pytest.mark.parametrize(
    ("rollout", "field"),
    [
        (Canary(share=0), "canary.share"),
        (Canary(share=0.95), "canary.share"),
        (Canary(share=0.1, max_error_ratio=2.0), "canary.max_error_ratio"),
        (Canary(share=0.1, max_latency_ratio=0.5), "canary.max_latency_ratio"),
        (Canary(share=0.1, max_abstention_increase=-0.1), "canary.max_abstention_increase"),
        (Canary(share=0.1, promote_after_requests=7), "canary.promote_after_requests"),
        (Canary(share=0.1, max_duration=timedelta(seconds=59)), "canary.max_duration"),
        (Shadow(share=float("nan")), "shadow.share"),
        (Shadow(share=0.1, max_duration=timedelta(days=91)), "shadow.max_duration"),
    ],
    ids=str,
)
def test_a_plan_outside_its_ranges_is_refused(client, stable, rollout, field):
    with pytest.raises(InvalidArgumentError) as caught:
        client.update_deployment(stable, model="baseModels/foreword--starter", rollout=rollout)

    assert [item.field for item in caught.value.violations] == [field]


def test_a_rollout_without_a_model_is_refused(client, stable):
    with pytest.raises(InvalidArgumentError, match=r"canary: needs a new model"):
        client.update_deployment(stable, tags=["x"], rollout=Canary(share=0.1))
