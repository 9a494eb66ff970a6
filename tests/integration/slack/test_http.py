"""Signed requests: only Slack's are accepted, and an event answered with 200 is stored."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.examples import examples
from factories.slack_bots import bot_parts, http_server, kept
from factories.waiting import eventually
from foreword.errors import UnavailableError
from foreword_slack.clock import ScaledClock
from foreword_slack.store import InstallationState, PostState, Store
from foreword_slack.testing import FakeSlack
from foreword_slack.transport.signature import is_from_slack

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def clock():
    return ScaledClock(10)


@pytest.fixture
async def slack(clock):
    async with FakeSlack(clock=clock) as running:
        yield running


@pytest.fixture
def acme(slack):
    return slack.add_team("Acme")


@pytest.fixture
async def store(migrated_slack_file, tmp_path, clock):
    shutil.copy(migrated_slack_file, tmp_path / "slack.db")
    opened = await Store.open(f"sqlite:///{tmp_path / 'slack.db'}", clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def parts(store, slack, acme):
    async with bot_parts(
        store, api_url=slack.api_url, tenants={acme.id: "acme"}, client_secret=slack.app.client_secret
    ) as made:
        yield made


@pytest.fixture
async def server(parts, slack):
    async with http_server(parts, slack, oauth=True) as running:
        yield running


async def test_a_message_is_in_the_store_before_slack_is_answered(parts, server, slack, acme, store):
    ann = acme.add_user("ann")
    message = ann.post(acme.add_channel("complaints", ann), "Two screws are missing.")
    await slack.settle()
    # The message and, perhaps, the mention in it are one; nothing else is kept.
    assert await kept(store) == [f"message:{message.channel_id}:{message.ts}"]
    assert all(delivery.acked for delivery in slack.journal.deliveries)


async def test_slacks_checks_of_the_url_are_answered(server, slack):
    verified = await slack.http.verify_url()
    assert (verified.status, json.loads(verified.body)) == (200, {"challenge": "3eZbrw1a"})
    assert (await slack.http.check_ssl()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Signature": "v0=0"},
        {"X-Slack-Signature": "v0=\u00fc"},
        {"X-Slack-Request-Timestamp": "soon"},
        {"X-Slack-Request-Timestamp": "\u0661\u0662"},
        {"X-Slack-Request-Timestamp": "-1"},
        {"X-Slack-Request-Timestamp": "9" * 400},
    ],
    ids=["none", "short", "not ascii", "no number", "arabic digits", "negative", "endless"],
)
async def test_a_request_without_a_proper_signature_is_refused_for_good(server, slack, store, headers):
    body = b'{"type": "event_callback"}'
    signed = slack.http.sign(body) if headers else {}
    answer = await slack.http.post(body, JSON | signed | headers)
    assert (answer.status, answer.headers["X-Slack-No-Retry"]) == (401, "1")
    assert await kept(store) == []


@pytest.mark.parametrize("change", [{"age_seconds": 400.0}, {"age_seconds": -400.0}, {"secret": "another"}])
async def test_a_replayed_or_foreign_request_is_refused_for_good(server, slack, change):
    body = b'{"type": "event_callback"}'
    answer = await slack.http.post(body, JSON | slack.http.sign(body, **change))
    assert (answer.status, answer.headers["X-Slack-No-Retry"]) == (401, "1")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b"", JSON),
        (b"\xff", JSON),
        (b"[" * 100_000, JSON),
        (b'{"type": "event_callback"}', JSON),
        (b'{"type": "event_callback", "event": 5}', JSON),
        (b'{"type": "event_callback", "event": {"type": "message"}}', JSON),
        (b'{"type": "event_callback", "authorizations": 5}', JSON),
        (b"", FORM),
        (b"payload=%7B", FORM),
        (b"payload=[]", FORM),
        (b"{}", {"Content-Type": "text/plain"}),
    ],
)
async def test_a_signed_but_malformed_request_is_refused_for_good(server, slack, body, headers):
    answer = await slack.http.post(body, headers | slack.http.sign(body))
    assert (answer.status, answer.headers["X-Slack-No-Retry"]) == (400, "1")


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    payload=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "event",
                        "team_id",
                        "team",
                        "user",
                        "actions",
                        "view",
                        "authorizations",
                        "command",
                        "channel",
                    ]
                )
                | st.text(max_size=4),
                inner | st.sampled_from(["event_callback", "block_actions", "view_submission", "message", "T1"]),
                max_size=5,
            )
        ),
        max_leaves=12,
    ).filter(lambda payload: isinstance(payload, dict))
)
async def test_no_payload_causes_a_server_error(server, slack, payload):
    body = json.dumps(payload).encode()
    answer = await slack.http.post(body, JSON | slack.http.sign(body))
    assert answer.status < 500


async def test_an_event_that_cannot_be_stored_is_sent_again(parts, server, slack, acme, store, monkeypatch):
    put, failed = parts.inbox.put, []

    async def fail_once(event):
        if not failed:
            failed.append(event)
            raise UnavailableError("The database is away.")
        return await put(event)

    monkeypatch.setattr(parts.inbox, "put", fail_once)
    ann = acme.add_user("ann")
    ann.post(acme.add_channel("complaints", ann), "Two screws are missing.")
    await slack.settle()
    (delivery,) = slack.journal.deliveries
    assert [attempt.outcome for attempt in delivery.attempts] == ["http_error", "acked"]
    assert len(await kept(store)) == 1


async def test_a_command_reaches_its_listener_whatever_its_text(parts, server, slack, acme):
    said = []

    @parts.bolt.command("/foreword")
    async def command(ack, body):
        said.append(body["text"])
        await ack(text="Here it is")

    await parts.installations.install_token(acme.id, acme.token)
    ann = acme.add_user("ann")
    answer = await ann.run_command(acme.add_channel("complaints", ann), "/foreword", "find payload=lost")
    assert said == ["find payload=lost"]
    assert answer.body["text"] == "Here it is"


async def test_a_workspace_installs_the_bot_and_its_token_is_encrypted(parts, server, slack, acme, store, tmp_path):
    acme.revoke_token(notify=False)
    url = f"http://127.0.0.1:{server.port}/slack/install"
    answer = await slack.install(acme, acme.add_user("boss", is_admin=True), url)
    assert answer.status == 200
    workspace = await store.read(acme.id, lambda uow: uow.installation)
    assert (workspace.state, workspace.tenant, workspace.bot_user) == (InstallationState.ACTIVE, "acme", acme.bot.id)
    client = await parts.installations.client(acme.id)
    assert client.token == acme.token
    for file in tmp_path.glob("slack.db*"):
        assert acme.token.encode() not in file.read_bytes()


async def test_a_workspace_without_a_tenant_cannot_install_the_bot(server, slack, store):
    stranger = slack.add_team("Stranger")
    url = f"http://127.0.0.1:{server.port}/slack/install"
    answer = await slack.install(stranger, stranger.add_user("boss"), url)
    assert answer.status >= 400
    assert await store.read(stranger.id, lambda uow: uow.installation) is None


async def test_a_redirect_with_an_unknown_state_is_refused(server, slack, acme):
    boss = acme.add_user("boss")
    code = slack.issue_oauth_code(acme, boss, redirect_uri="", scopes=("chat:write",))
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{server.port}/slack/oauth_redirect"
        async with session.get(url, params={"code": code, "state": "forged"}) as answer:
            assert answer.status in (400, 401)


async def test_posts_wait_while_the_bot_is_not_installed_and_are_made_after(parts, server, slack, acme, store):
    await parts.installations.install_token(acme.id, acme.token)
    channel = acme.add_channel("billing")
    acme.uninstall()
    await slack.settle()
    assert (await store.read(acme.id, lambda uow: uow.installation)).state is InstallationState.UNINSTALLED
    await store.write(acme.id, lambda uow: uow.posts.post("route", channel.id, {"text": "Late"}))
    parts.outbox.start()
    try:
        assert slack.journal.posts_in(channel.id) == []
        await parts.installations.install_token(acme.id, acme.reinstall().token)
        await eventually(lambda: slack.journal.posts_in(channel.id))
    finally:
        await parts.outbox.stop()
    assert (await store.read(acme.id, lambda uow: uow.posts.get("route"))).state is PostState.SENT


async def test_a_late_report_of_an_old_installations_end_does_not_end_the_new_one(
    parts, server, slack, acme, store, clock
):
    await parts.installations.install_token(acme.id, acme.token)
    old = {"type": "event_callback", "team_id": acme.id, "event": {"type": "app_uninstalled"}}
    body = json.dumps(old | {"event_time": int(clock.now().timestamp()) - 3600}).encode()
    assert (await slack.http.post(body, JSON | slack.http.sign(body))).status == 200
    assert (await store.read(acme.id, lambda uow: uow.installation)).state is InstallationState.ACTIVE


async def test_a_token_is_renewed_before_it_ends(parts, server, slack, acme, store, clock):
    slack.app.rotates_tokens = True
    url = f"http://127.0.0.1:{server.port}/slack/install"
    await slack.install(acme, acme.add_user("boss"), url)
    before = await store.read(acme.id, lambda uow: uow.installation)
    left = before.token_expire_time - clock.now()
    assert timedelta(hours=11) < left < timedelta(hours=13)
    await parts.installations.renew_all()
    assert await store.read(acme.id, lambda uow: uow.installation) == before
    acme.expire_token()
    assert await parts.installations.renew(acme.id)
    client = await parts.installations.client(acme.id)
    assert (await client.auth_test())["team_id"] == acme.id


def test_slacks_own_example_of_a_signature_is_accepted():
    """From https://docs.slack.dev/authentication/verifying-requests-from-slack."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    now = datetime.fromtimestamp(1531420618, UTC)
    assert is_from_slack("8f742231b10e8888abcd99yyyzzz85a5", headers, body, now)
    assert not is_from_slack("8f742231b10e8888abcd99yyyzzz85a5", headers, body + b"&", now)
