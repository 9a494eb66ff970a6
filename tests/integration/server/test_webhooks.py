"""Webhooks from end to end: what happens in the service arrives at a real receiver, signed, once, and nowhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from factories.api import (
    create_batch_job,
    create_evaluation,
    create_experiment,
    create_webhook,
    failure_of,
    refused,
    upload,
)
from factories.receivers import FAST, LOOPBACK, Answer, Receiver, running_receiver
from factories.scrapes import scrape
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.v1 import tune_experiment_service_pb2, webhook_pb2, webhook_service_pb2

Problem = webhook_pb2.DeliveryAttempt
State = webhook_pb2.WebhookDelivery


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server(delivery_times=FAST, **LOOPBACK)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


_tenants = iter(f"tenant-{number}" for number in range(1_000))


@pytest.fixture
def stubs(server: RunningServer) -> Any:
    """Stubs of a new tenant."""
    return server.stubs(server.new_key(next(_tenants)))


def cancel_a_run(stubs: Any) -> str:
    """Make a tenant have an event, and return the name of the experiment."""
    dataset = upload(stubs).name
    name: str = create_experiment(stubs, dataset).name
    stubs.experiments.CancelTuneExperiment(tune_experiment_service_pb2.CancelTuneExperimentRequest(name=name))
    return name


def deliveries(stubs: Any, webhook: str) -> Any:
    request = webhook_service_pb2.ListWebhookDeliveriesRequest(parent=webhook)
    return stubs.webhooks.ListWebhookDeliveries(request).deliveries


def get(stubs: Any, webhook: str) -> Any:
    return stubs.webhooks.GetWebhook(webhook_service_pb2.GetWebhookRequest(name=webhook))


def test_webhook(stubs: Any, webhook: str) -> Any:
    return stubs.webhooks.TestWebhook(webhook_service_pb2.TestWebhookRequest(name=webhook))


test_webhook.__test__ = False


def test_the_end_of_a_run_arrives_signed(server: RunningServer, stubs, receiver: Receiver):
    webhook = create_webhook(stubs, receiver.url)
    experiment = create_experiment(stubs, upload(stubs).name)
    model = server.tune_by_hand(experiment.name)

    (arrived,) = receiver.wait()

    event = arrived.verified(webhook.secret)
    assert event["type"] == "tune_experiment.succeeded"
    assert event["data"]["resource"] == experiment.name
    assert event["data"]["tuned_model"] == model
    wait_until(lambda: deliveries(stubs, webhook.name)[0].state == State.STATE_DELIVERED)
    (delivery,) = deliveries(stubs, webhook.name)
    assert delivery.name == f"{webhook.name}/deliveries/{arrived.id}"
    assert (delivery.kind, delivery.resource) == ("tune_experiment.succeeded", experiment.name)
    assert (delivery.attempts, delivery.last_attempt.status) == (1, 204)


def test_evaluations_and_batch_jobs_arrive_with_their_figures(start_server, receiver: Receiver):
    own = start_server(delivery_times=FAST, **LOOPBACK)
    stubs = own.stubs()
    create_webhook(stubs, receiver.url)
    dataset = upload(stubs).name
    evaluation = create_evaluation(stubs, dataset).name
    own.evaluate(evaluation)
    batch_job = create_batch_job(stubs, dataset).name
    own.evaluate(batch_job)

    evaluated, answered = (item.event for item in sorted(receiver.wait(2), key=lambda item: item.event["timestamp"]))

    assert (evaluated["type"], evaluated["data"]["resource"]) == ("evaluation.succeeded", evaluation)
    (system,) = evaluated["data"]["systems"]
    assert system["row_count"] == 30
    assert 0.0 <= system["value"] <= 1.0
    assert (answered["type"], answered["data"]["resource"]) == ("batch_job.succeeded", batch_job)
    assert answered["data"]["total_count"] == answered["data"]["answered_count"] == 30
    assert "Complaint number" not in f"{evaluated} {answered}"


def test_a_refused_event_comes_again_until_it_is_accepted(stubs, receiver: Receiver):
    receiver.answers = [Answer(500), Answer(302), Answer(429)]
    webhook = create_webhook(stubs, receiver.url)
    cancel_a_run(stubs)

    arrived = receiver.wait(4)

    assert len({item.id for item in arrived}) == 1
    assert len({item.body for item in arrived}) == 1
    assert all(item.verified(webhook.secret) for item in arrived)
    wait_until(lambda: deliveries(stubs, webhook.name)[0].state == State.STATE_DELIVERED)
    assert deliveries(stubs, webhook.name)[0].attempts == 4
    time.sleep(0.2)
    assert len(receiver.received) == 4


def test_a_receiver_that_asks_for_time_gets_it(stubs, receiver: Receiver):
    receiver.answers = [Answer(503, {"Retry-After": "1"})]
    create_webhook(stubs, receiver.url)
    cancel_a_run(stubs)

    first, second = receiver.wait(2)

    assert second.time - first.time >= 0.9


def test_a_tenant_gets_its_own_events_of_the_kinds_that_it_wants(server: RunningServer, stubs, receiver: Receiver):
    other = server.stubs(server.new_key(next(_tenants)))
    with running_receiver() as others:
        create_webhook(other, others.url)
        create_webhook(stubs, receiver.url, "rollout.*", "tune_experiment.cancelled")
        create_webhook(stubs, f"{receiver.url}/unwanted", "tune_experiment.failed")
        experiment = cancel_a_run(stubs)
        receiver.wait()
        theirs = cancel_a_run(other)
        others.wait()

        assert [item.event["data"]["resource"] for item in receiver.received] == [experiment]
        assert [item.event["data"]["resource"] for item in others.received] == [theirs]
        assert [item.path for item in receiver.received] == ["/hooks"]


def test_a_receiver_that_hangs_delays_no_other_tenant(server: RunningServer, stubs, receiver: Receiver):
    slow = server.stubs(server.new_key(next(_tenants)))
    with running_receiver() as hanging:
        hanging.otherwise = Answer(wait_seconds=2.0)
        for _ in range(5):
            create_webhook(slow, hanging.url)
        for _ in range(3):
            cancel_a_run(slow)
        hanging.wait(5)
        create_webhook(stubs, receiver.url)
        begin = time.monotonic()
        cancel_a_run(stubs)
        receiver.wait()

        assert time.monotonic() - begin < 1.0
        assert len(hanging.received) <= 15


def test_a_secret_is_shown_only_when_it_is_made(stubs):
    webhook = create_webhook(stubs)
    rotated = stubs.webhooks.RotateWebhookSecret(webhook_service_pb2.RotateWebhookSecretRequest(name=webhook.name))
    updated = stubs.webhooks.UpdateWebhook(
        webhook_service_pb2.UpdateWebhookRequest(webhook={"name": webhook.name, "display_name": "triage"})
    )
    listed = stubs.webhooks.ListWebhooks(webhook_service_pb2.ListWebhooksRequest()).webhooks

    assert webhook.secret.startswith("whsec_")
    assert rotated.secret.startswith("whsec_")
    assert webhook.secret != rotated.secret
    shown = f"{get(stubs, webhook.name)} {updated} {listed}"
    assert "whsec_" not in shown
    assert "triage" in shown


def test_events_are_signed_with_both_secrets_after_a_rotation(stubs, receiver: Receiver):
    webhook = create_webhook(stubs, receiver.url)
    rotated = stubs.webhooks.RotateWebhookSecret(webhook_service_pb2.RotateWebhookSecretRequest(name=webhook.name))
    cancel_a_run(stubs)

    (arrived,) = receiver.wait()

    assert arrived.verified(webhook.secret) == arrived.verified(rotated.secret)


@pytest.mark.parametrize(
    ("answer", "problem"), [(Answer(200), "UNSPECIFIED"), (Answer(404), "BAD_STATUS"), (Answer(301), "BAD_STATUS")]
)
def test_a_test_says_what_came_back(stubs, receiver: Receiver, answer: Answer, problem: str):
    webhook = create_webhook(stubs, receiver.url, "rollout.*", enabled=False)
    receiver.otherwise = answer
    found = test_webhook(stubs, webhook.name)

    (arrived,) = receiver.received
    event = arrived.verified(webhook.secret)
    assert Problem.Problem.Name(found.attempt.problem) == f"PROBLEM_{problem}"
    assert found.attempt.status == answer.status
    assert found.attempt.seconds > 0
    assert (event["type"], event["data"]) == ("webhook.test", {"resource": webhook.name})
    assert arrived.id == found.event
    assert list(deliveries(stubs, webhook.name)) == []
    assert not get(stubs, webhook.name).consecutive_failures


def test_a_test_of_a_url_that_cannot_be_reached_says_so(stubs, receiver: Receiver):
    nowhere = create_webhook(stubs, "http://receiver.invalid:8080/")
    receiver.close()
    closed = create_webhook(stubs, receiver.url)

    assert test_webhook(stubs, nowhere.name).attempt.problem == Problem.PROBLEM_NAME_NOT_FOUND
    assert test_webhook(stubs, closed.name).attempt.problem == Problem.PROBLEM_NOT_CONNECTED


def test_a_tenant_has_two_tests_at_once_and_another_one_has_its_own(server: RunningServer, stubs, receiver: Receiver):
    receiver.otherwise = Answer(wait_seconds=0.6)
    webhook = create_webhook(stubs, receiver.url)
    request = webhook_service_pb2.TestWebhookRequest(name=webhook.name)
    running = [stubs.webhooks.TestWebhook.future(request) for _ in range(2)]
    receiver.wait(2)
    failure = refused(stubs.webhooks.TestWebhook, request)
    other = server.stubs(server.new_key(next(_tenants)))
    elsewhere = test_webhook(other, create_webhook(other, receiver.url).name)

    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_TESTS")
    assert elsewhere.attempt.status == 204
    assert [item.result().attempt.status for item in running] == [204, 204]
    assert test_webhook(stubs, webhook.name).attempt.status == 204


def _test_often(stubs: Any, webhook: str) -> None:
    for _ in range(60):
        test_webhook(stubs, webhook)


def test_a_tenant_has_thirty_tests_and_repeated_deliveries_in_a_minute(server: RunningServer, receiver: Receiver):
    stubs = server.stubs(server.new_key(next(_tenants)))
    webhook = create_webhook(stubs, receiver.url)
    begin = time.monotonic()
    for _ in range(29):
        test_webhook(stubs, webhook.name)
    again = webhook_service_pb2.RedeliverWebhookDeliveryRequest(name=f"{webhook.name}/deliveries/none")
    unknown = refused(stubs.webhooks.RedeliverWebhookDelivery, again)
    with pytest.raises(grpc.RpcError) as caught:
        _test_often(stubs, webhook.name)
    allowed_since = (time.monotonic() - begin) / 2
    more = len(receiver.received) - 29

    failures = [failure_of(caught.value), refused(stubs.webhooks.RedeliverWebhookDelivery, again)]

    assert unknown.code is grpc.StatusCode.NOT_FOUND
    assert [failure.reason for failure in failures] == ["TOO_MANY_TESTS"] * 2
    assert all(0 < failure.retry_seconds <= 2 for failure in failures)
    assert 0 <= more <= allowed_since


def test_an_event_is_sent_again_on_request_with_its_id(stubs, receiver: Receiver):
    webhook = create_webhook(stubs, receiver.url)
    cancel_a_run(stubs)
    receiver.wait()
    wait_until(lambda: deliveries(stubs, webhook.name)[0].state == State.STATE_DELIVERED)
    (delivery,) = deliveries(stubs, webhook.name)
    again = stubs.webhooks.RedeliverWebhookDelivery(
        webhook_service_pb2.RedeliverWebhookDeliveryRequest(name=delivery.name)
    )

    first, second = receiver.wait(2)

    assert again.state == State.STATE_PENDING
    assert (first.id, first.body) == (second.id, second.body)


def test_a_webhook_that_was_disabled_shows_why_and_sends_what_waits_when_it_is_enabled(stubs, receiver: Receiver):
    receiver.answers = [Answer(410)]
    webhook = create_webhook(stubs, receiver.url)
    cancel_a_run(stubs)
    wait_until(lambda: not get(stubs, webhook.name).enabled)
    found = get(stubs, webhook.name)
    stubs.webhooks.UpdateWebhook(
        webhook_service_pb2.UpdateWebhookRequest(webhook={"name": webhook.name, "enabled": True})
    )
    first, second = receiver.wait(2)

    assert found.disable_reason == webhook_pb2.Webhook.DISABLE_REASON_GONE
    assert found.etag != webhook.etag
    assert first.id == second.id
    assert get(stubs, webhook.name).disable_reason == webhook_pb2.Webhook.DISABLE_REASON_UNSPECIFIED


def test_one_error_names_all_fields_of_a_webhook_that_are_wrong(stubs):
    failure = refused(
        stubs.webhooks.CreateWebhook,
        webhook_service_pb2.CreateWebhookRequest(
            webhook={"url": "ftp://x", "kinds": ["tune_experiment.suceeded", "*"], "space": "default"}, webhook_id="A"
        ),
    )

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"webhook.url", "webhook.kinds[0]", "webhook.space", "webhook_id"}
    assert "Did you mean 'tune_experiment.succeeded'?" in failure.violations["webhook.kinds[0]"]


def test_a_webhook_without_kinds_is_told_which_there_are(stubs):
    failure = refused(
        stubs.webhooks.CreateWebhook,
        webhook_service_pb2.CreateWebhookRequest(webhook={"url": "https://hooks.example.com/"}),
    )

    assert "rollout.*, deployment.*, tune_experiment.succeeded" in failure.violations["webhook.kinds"]


def test_a_tenant_has_a_limited_number_of_webhooks(stubs):
    for _ in range(20):
        create_webhook(stubs)

    request = webhook_service_pb2.CreateWebhookRequest(webhook={"url": "https://hooks.example.com/", "kinds": ["*"]})
    failure = refused(stubs.webhooks.CreateWebhook, request)

    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WEBHOOKS")
    assert failure.retry_seconds is None  # waiting does not help


def test_by_default_only_public_https_receivers_are_allowed(start_server, receiver: Receiver):
    strict = start_server()
    stubs = strict.stubs()
    for url in (receiver.url, receiver.url.replace("http", "https"), "https://localhost:9000/"):
        failure = refused(
            stubs.webhooks.CreateWebhook,
            webhook_service_pb2.CreateWebhookRequest(webhook={"url": url, "kinds": ["*"]}),
        )
        assert set(failure.violations) == {"webhook.url"}
    webhook = create_webhook(stubs, "https://localhost/")

    assert test_webhook(stubs, webhook.name).attempt.problem == Problem.PROBLEM_ADDRESS_REFUSED


def test_a_server_that_cannot_wait_gives_its_attempts_to_the_next_one(start_server, receiver: Receiver):
    stopping = start_server(delivery_times=FAST, **LOOPBACK)
    receiver.otherwise = Answer(wait_seconds=0.8)
    create_webhook(stopping.stubs(), receiver.url)
    cancel_a_run(stopping.stubs())
    receiver.wait()
    stopping.stop(grace_seconds=0)
    start_server(delivery_times=FAST, home=stopping.settings.home, **LOOPBACK)

    first, second = receiver.wait(2)

    assert first.id == second.id


def test_a_server_that_stops_completes_the_attempts_that_are_under_way(start_server, receiver: Receiver):
    stopping = start_server(delivery_times=FAST, **LOOPBACK)
    stubs = stopping.stubs()
    receiver.otherwise = Answer(wait_seconds=0.5)
    webhook = create_webhook(stubs, receiver.url)
    cancel_a_run(stubs)
    receiver.wait()
    settings = stopping.settings
    stopping.stop(grace_seconds=10)
    again = start_server(delivery_times=FAST, home=settings.home, **LOOPBACK)

    (delivery,) = deliveries(again.stubs(), webhook.name)

    assert delivery.state == State.STATE_DELIVERED
    assert len(receiver.received) == 1


def test_attempts_and_disabled_webhooks_are_counted(start_server, receiver: Receiver):
    counted = start_server(delivery_times=FAST, metrics=True, metrics_port=0, **LOOPBACK)
    stubs = counted.stubs()
    receiver.answers = [Answer(500)]
    receiver.otherwise = Answer(410)
    webhook = create_webhook(stubs, receiver.url)
    cancel_a_run(stubs)
    wait_until(lambda: not get(stubs, webhook.name).enabled)

    def has(name: str, value: float, **labels: str) -> bool:
        return scrape(counted.metrics.port).value(name, **labels) == value

    wait_until(lambda: has("foreword_webhook_attempt_seconds_count", 2, outcome="bad_status"))
    assert has("foreword_webhook_attempt_seconds_count", 0, outcome="delivered")
    assert has("foreword_disabled_webhooks", 1, reason="gone")
    assert has("foreword_webhook_waiting_events", 0)
