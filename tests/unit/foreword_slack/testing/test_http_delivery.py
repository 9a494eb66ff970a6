"""Events and interactions reach the app as signed requests; forged requests can be sent too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from aiohttp import web
from slack_sdk.signature import Clock, SignatureVerifier

from foreword_slack.testing import FakeSlack, Limits, Workspace


@dataclass
class Received:
    """The requests that an app's server received."""

    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


async def accept(request: web.Request) -> web.Response:
    return web.Response()


@asynccontextmanager
async def serving(
    slack: FakeSlack, answer: Callable[[web.Request], Awaitable[web.Response]] = accept
) -> AsyncIterator[Received]:
    """Serve the app's request URL."""
    received = Received()

    async def take(request: web.Request) -> web.Response:
        received.bodies.append(await request.read())
        received.requests.append(request)
        return await answer(request)

    application = web.Application()
    application.router.add_post("/slack/events", take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.app.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield received
    finally:
        await runner.cleanup()


def verifies(slack: FakeSlack, body: bytes, headers) -> bool:
    """Return True if Slack's SDK accepts a signature."""
    clock = Clock()
    clock.now = slack.time  # type: ignore[method-assign]
    return SignatureVerifier(slack.app.signing_secret, clock).is_valid_request(body, dict(headers))


async def test_requests_are_signed_as_the_sdk_expects(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with serving(slack) as received:
        ann.post(channel, "Two screws are missing. ÄÖÜ 🙂")
        await ann.run_command(channel, "/foreword", "lookup 7")
        await slack.settle()

    assert all(
        verifies(slack, body, request.headers) for body, request in zip(received.bodies, received.requests, strict=True)
    )
    event = next(json.loads(body) for body in received.bodies if body.startswith(b"{"))
    command = next(parse_qs(body.decode()) for body in received.bodies if not body.startswith(b"{"))
    assert event["event"]["text"] == "Two screws are missing. ÄÖÜ 🙂"
    assert (command["command"], command["text"]) == (["/foreword"], ["lookup 7"])


async def test_forged_stale_and_malformed_requests_can_be_sent(slack: FakeSlack):
    body = b"{}"
    bad = slack.http.sign(body, secret="a stranger's")
    stale = slack.http.sign(body, age_seconds=301)
    odd = slack.http.sign(body) | {"X-Slack-Request-Timestamp": "yesterday"}

    async with serving(slack) as received:
        for headers in (bad, stale, slack.http.sign(body)):
            await slack.http.post(body, headers)
        await slack.http.post(b"null", odd)

    checked = [verifies(slack, body, request.headers) for request in received.requests[:3]]
    assert checked == [False, False, True]
    assert received.requests[3].headers["X-Slack-Request-Timestamp"] == "yesterday"


async def test_slack_checks_the_url_and_the_certificate(slack: FakeSlack):
    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        return web.json_response({"challenge": json.loads(body)["challenge"]} if body.startswith(b"{") else {})

    async with serving(slack, answer) as received:
        challenge = await slack.http.verify_url()
        await slack.http.check_ssl()

    assert json.loads(challenge.body)["challenge"] == json.loads(received.bodies[0])["challenge"]
    assert b"ssl_check=1" in received.bodies[1]


async def test_failed_deliveries_are_repeated_with_the_reason():
    async def fail(request: web.Request) -> web.Response:
        return web.Response(status=500)

    async with FakeSlack(speed=600, limits=Limits(ack_seconds=36_000)) as fast:
        acme = fast.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with serving(fast, fail) as received:
            ann.post(channel, "x")
            await fast.settle()

    numbers = [request.headers.get("X-Slack-Retry-Num") for request in received.requests]
    assert numbers == [None, "1", "2", "3"]
    assert received.requests[1].headers["X-Slack-Retry-Reason"] == "http_error"
    assert fast.journal.deliveries[0].lost


async def test_the_app_can_refuse_retries(slack: FakeSlack, acme: Workspace):
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=503, headers={"X-Slack-No-Retry": "1"})

    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with serving(slack, refuse) as received:
        ann.post(channel, "x")
        await slack.settle()

    assert len(received.requests) == 1


async def test_an_acknowledgement_after_three_seconds_is_too_late():
    over = asyncio.Event()

    async def dawdle(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with FakeSlack(speed=30) as slack:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with serving(slack, dawdle):
            answer = await ann.run_command(channel, "/foreword")
            over.set()

    assert not answer.acked
    assert slack.journal.shown_errors == ["operation_timeout"]


async def test_a_url_without_a_server_is_a_failed_connection(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    slack.app.request_url = "http://127.0.0.1:9/slack/events"

    answer = await ann.run_command(channel, "/foreword")

    assert not answer.acked
    assert slack.journal.deliveries[-1].attempts[0].outcome == "connection_failed"


async def test_the_answer_to_a_command_is_shown_to_its_user(slack: FakeSlack, acme: Workspace):
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"text": "Nothing found.", "response_type": "ephemeral"})

    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with serving(slack, answer):
        await ann.run_command(channel, "/foreword", "lookup 7")

    assert [message.text for message in ann.ephemerals(channel)] == ["Nothing found."]
