"""`foreword webhooks` against a real server and a real receiver, and the same through the client."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

from factories.receivers import FAST, LOOPBACK, Answer, Receiver, running_receiver
from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.cli.application import run
from foreword.client import AsyncClient, Client, DeliveryProblem, DisableReason
from foreword.domain.events import Event, EventKind
from foreword.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from foreword.storage.events.outbox import publish

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server(delivery_times=FAST, **LOOPBACK)


@pytest.fixture
def tenant() -> str:
    return f"hooks-{time.time_ns()}"


@pytest.fixture
def key(server: RunningServer, tenant: str) -> str:
    return server.new_key(tenant)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def command(server: RunningServer, key: str, monkeypatch: pytest.MonkeyPatch, capsys) -> Command:
    """Runs a command and returns status, standard output with single spaces, and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", key)
    monkeypatch.setenv("COLUMNS", "250")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, re.sub(" +", " ", captured.out), captured.err

    return call


def happen(server: RunningServer, tenant: str) -> None:
    """Make a tenant have an event."""
    with server.database.write() as session:
        resource = f"tenants/{tenant}/spaces/default/deployments/triage"
        event = Event(kind=EventKind.ROLLOUT_PROMOTED, resource=resource, space="default")
        publish(session, tenant, event, server.database.clock(session))


def test_a_webhook_is_made_tried_watched_and_deleted(server, tenant: str, command: Command, receiver: Receiver):
    status, secret, err = command("webhooks", "create", receiver.url, "--kind", "rollout.*", "--id", "triage")
    assert status == 0, err
    secret = secret.strip()

    assert secret.startswith("whsec_")
    assert "shown only once" in err
    status, out, _ = command("webhooks", "test", "triage")
    assert status == 0
    assert "accepted with status 204" in out
    assert receiver.received[0].verified(secret)["type"] == "webhook.test"
    receiver.answers = [Answer(500)]
    happen(server, tenant)
    receiver.wait(3)
    wait_until(lambda: "delivered" in command("webhooks", "deliveries", "127.0.0.1")[1])
    listed = command("webhooks", "deliveries", "triage")[1]
    assert "rollout.promoted triage delivered 2 204" in listed
    event = receiver.received[-1].id
    assert command("webhooks", "redeliver", "triage", event)[0] == 0
    assert receiver.wait(4)[-1].id == event
    assert command("webhooks", "delete", "triage")[1] == "Deleted triage.\n"
    assert command("webhooks", "list", "--json")[1].strip() == "[]"


def test_a_receiver_that_refuses_is_shown_with_its_status(command: Command, receiver: Receiver):
    command("webhooks", "create", receiver.url, "--id", "broken")
    receiver.otherwise = Answer(503)

    status, out, _ = command("webhooks", "test", "broken")

    assert status == 1
    assert "refused with status 503" in out


def test_a_webhook_is_listed_shown_and_changed(server, tenant: str, command: Command, receiver: Receiver):
    receiver.otherwise = Answer(410)
    command("webhooks", "create", receiver.url, "--name", "Triage", "--space", "default")
    assert command("webhooks", "list")[1].count("enabled") == 1
    happen(server, tenant)
    wait_until(lambda: "disabled" in command("webhooks", "show", "Triage")[1])
    shown = command("webhooks", "show", "Triage")[1]
    receiver.otherwise = Answer()
    status, out, _ = command("webhooks", "update", "Triage", "--enable", "--kind", "deployment.*", "--json")

    assert "410 Gone" in shown
    assert "space default" in shown
    assert "whsec_" not in shown
    assert status == 0
    changed = json.loads(out)
    assert (changed["enabled"], changed["kinds"], changed["secret"]) == (True, ["deployment.*"], "")
    assert len(receiver.wait(2)) == 2


def test_a_secret_is_replaced(command: Command, receiver: Receiver):
    first = command("webhooks", "create", receiver.url, "--id", "w")[1].strip()
    second = command("webhooks", "rotate", "w", "--overlap-hours", "0")[1].strip()
    command("webhooks", "test", "w")

    assert first != second
    assert receiver.received[0].verified(second)
    assert len(receiver.received[0].headers["webhook-signature"].split()) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (("create", "http://10.0.0.1/"), 1, "must not have an address that is not public"),
        (("create", "https://example.com/", "--kind", "rolout.*"), 1, "Did you mean 'rollout.*'?"),
        (("show", "nowhere"), 1, "foreword webhooks list"),
        (("update", "nowhere"), 2, "Nothing to change"),
        (("rotate", "nowhere", "--overlap-hours", "200"), 2, "--overlap-hours"),
        (("redeliver", "nowhere", "evt-1"), 1, "does not exist"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(command: Command, arguments, status: int, problem: str):
    found, _, err = command("webhooks", *arguments)

    assert found == status
    assert problem in " ".join(err.split())


async def test_the_client_does_the_same(server: RunningServer, tenant: str, key: str, receiver: Receiver):
    async with AsyncClient(server.endpoint, key) as client:
        webhook = await client.create_webhook(receiver.url, ["rollout.*"], display_name="Triage", space="default")
        assert webhook.secret not in repr(webhook)
        assert (await client.get_webhook("Triage")).name == webhook.name
        rotated = await client.rotate_webhook_secret(webhook, overlap_seconds=60)
        tested = await client.test_webhook(webhook)
        receiver.otherwise = Answer(500)
        happen(server, tenant)
        receiver.wait(2)
        disabled = await client.update_webhook(webhook, enabled=False)
        found = (await client.list_webhook_deliveries(webhook, filter="state != DELIVERED"))[0]
        with pytest.raises(FailedPreconditionError):
            await client.redeliver_webhook_delivery(found)
        receiver.otherwise = Answer()
        await client.update_webhook(webhook, enabled=True, url=receiver.url + "/new", kinds=["*"])
        wait_until(lambda: receiver.received[-1].path == "/hooks/new")

        assert (tested.problem, tested.status) == (None, 204)
        assert rotated.secret != webhook.secret
        assert disabled.disable_reason is DisableReason.REQUESTED
        assert found.kind == "rollout.promoted"
        assert found.last_attempt is None or found.last_attempt.problem is DeliveryProblem.BAD_STATUS
        await client.delete_webhook(webhook)
        assert await client.list_webhooks() == []


def test_the_client_names_what_it_needs(server: RunningServer, key: str):
    with Client(server.endpoint, key) as client:
        with pytest.raises(InvalidArgumentError, match="webhook: must be set"):
            client.redeliver_webhook_delivery("evt-1")
        with pytest.raises(InvalidArgumentError, match="overlap: must be a number of seconds"):
            client.rotate_webhook_secret("w", overlap_seconds=float("nan"))
        with pytest.raises(InvalidArgumentError, match="must be a list"):
            client.create_webhook("https://example.com/", "rollout.*")
        with pytest.raises(NotFoundError, match="foreword webhooks list"):
            client.test_webhook("nowhere")
