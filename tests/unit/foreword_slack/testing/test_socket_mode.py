"""Events and interactions reach the app over Socket Mode, and its connections can fail in every known way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from factories.slack import HandClock
from foreword_slack.testing import DeliveryFault, FakeSlack, FaultPlan, Limits, Workspace

Handler = Callable[[SocketModeClient, SocketModeRequest], Awaitable[None]]


async def acknowledge(client: SocketModeClient, request: SocketModeRequest) -> None:
    await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))


@asynccontextmanager
async def connected(slack: FakeSlack, handler: Handler = acknowledge) -> AsyncIterator[list[SocketModeRequest]]:
    """Connect the SDK's client; yield the requests that it receives."""
    received: list[SocketModeRequest] = []

    async def listen(client: SocketModeClient, request: SocketModeRequest) -> None:
        received.append(request)
        await handler(client, request)

    client = SocketModeClient(
        app_token=slack.app.app_token, web_client=AsyncWebClient(base_url=slack.api_url), ping_interval=0.2
    )
    client.socket_mode_request_listeners.append(listen)
    before = len(slack.sockets.sockets)
    await client.connect()
    await slack.wait_for(lambda: len(slack.sockets.sockets) > before, "a connection")
    try:
        yield received
    finally:
        await client.close()


@asynccontextmanager
async def raw_connection(slack: FakeSlack, url: str = "") -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Open a bare WebSocket and read the greeting."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url or slack.sockets.issue_url()) as socket:
        hello = await socket.receive_json()
        assert hello["type"] in ("hello", "disconnect")
        yield socket


def inner_types(received: list[SocketModeRequest]) -> list[str]:
    return [request.payload["event"]["type"] for request in received]


async def test_a_message_arrives_and_is_acknowledged(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as received:
        message = ann.post(channel, "Two screws are missing.")
        await slack.settle()

    event = received[0].payload["event"]
    assert (event["channel"], event["user"], event["ts"]) == (channel.id, ann.id, message.ts)
    assert received[0].payload["team_id"] == acme.id
    assert slack.journal.deliveries[0].acked


async def test_a_mention_is_sent_as_two_events_or_one_if_the_workspace_sends_only_mentions(
    slack: FakeSlack, acme: Workspace
):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as received:
        ann.post(channel, f"<@{acme.bot.id}> the lid is cracked")
        await slack.settle()
        acme.team.mentions_only = True
        ann.post(channel, f"<@{acme.bot.id}> so is the box")
        await slack.settle()

    assert sorted(inner_types(received)[:2]) == ["app_mention", "message"]
    assert inner_types(received)[2:] == ["app_mention"]


async def test_the_app_gets_no_events_of_channels_it_is_not_in(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("elsewhere", ann, with_bot=False)
    async with connected(slack) as received:
        ann.post(channel, "Nobody hears this")
        ann.invite_bot(channel)
        ann.post(channel, "Now it does")
        await slack.settle()

    assert inner_types(received) == ["member_joined_channel", "message"]


async def test_edits_and_deletions_arrive_as_hidden_messages(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as received:
        message = ann.post(channel, "Before")
        ann.edit(message, "After")
        ann.delete(message)
        await slack.settle()

    by_subtype = {request.payload["event"].get("subtype"): request.payload["event"] for request in received}
    assert by_subtype["message_changed"]["message"]["text"] == "After"
    assert by_subtype["message_changed"]["previous_message"]["text"] == "Before"
    assert by_subtype["message_deleted"]["deleted_ts"] == message.ts


async def test_an_edit_can_come_before_its_message(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as received:
        message = ann.post(channel, "Before", deliver=False)
        ann.edit(message, "After")
        await slack.settle()
        ann.deliver(message)
        await slack.settle()

    assert [request.payload["event"].get("subtype") for request in received] == ["message_changed", None]


async def test_an_unacknowledged_event_is_sent_again_at_once_after_a_minute_and_after_five():
    async def ignore(client: SocketModeClient, request: SocketModeRequest) -> None:
        pass

    async with FakeSlack(speed=300) as slack:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with connected(slack, ignore) as received:
            ann.post(channel, "Anybody?")
            await slack.settle()

    (delivery,) = slack.journal.deliveries
    starts = [attempt.at for attempt in delivery.attempts]
    assert [request.retry_attempt for request in received] == [0, 1, 2, 3]
    assert [request.retry_reason for request in received] == ["", *["http_timeout"] * 3]
    assert delivery.lost
    assert starts[1] - starts[0] < 60, "the first retry comes at once"
    assert 60 <= starts[2] - starts[1] < 300
    assert starts[3] - starts[2] >= 300


async def test_an_event_goes_to_one_of_several_connections(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as first, connected(slack) as second:
        for number in range(20):
            ann.post(channel, str(number))
        await slack.settle()

    assert len(first) + len(second) == 20
    assert first
    assert second


async def test_a_duplicate_is_sent_over_another_connection():
    plan = FaultPlan(deliveries={DeliveryFault.DUPLICATE: 1.0})
    async with FakeSlack(faults=plan) as slack:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with connected(slack) as first, connected(slack) as second:
            for number in range(10):
                ann.post(channel, str(number))
            await slack.settle()

    assert len(first) == len(second) == 10


async def test_events_beyond_the_hourly_limit_are_dropped_and_the_app_is_notified_once_a_minute():
    async with FakeSlack(limits=Limits(events_per_hour=3)) as slack:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with connected(slack) as received:
            for number in range(6):
                ann.post(channel, str(number))
            await slack.settle()

    assert [request.payload["type"] for request in received] == [*["event_callback"] * 3, "app_rate_limited"]


async def test_duplicates_lost_acknowledgements_and_late_events_come_at_the_planned_rates():
    plan = FaultPlan(
        seed=4,
        deliveries={DeliveryFault.DUPLICATE: 0.3, DeliveryFault.ACK_LOST: 0.3, DeliveryFault.LATE: 0.3},
        late_seconds=20,
    )
    async with FakeSlack(speed=100, faults=plan, limits=Limits(ack_seconds=100)) as slack:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with connected(slack) as received:
            for number in range(40):
                ann.post(channel, str(number))
            await slack.settle()

    order = [request.payload["event"]["text"] for request in received if not request.retry_attempt]
    extra = plan.happened["duplicate"] + plan.happened["ack_lost"]
    assert min(plan.happened.values()) > 5
    assert len(received) >= 40 + extra
    assert {int(text) for text in order} == set(range(40))
    assert order != sorted(order, key=int)
    assert not any(delivery.lost for delivery in slack.journal.deliveries)


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_disconnect_is_announced_and_the_client_reconnects(acme: Workspace, slack: FakeSlack, reason: str):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as received:
        slack.sockets.disconnect(reason)
        await slack.wait_for(lambda: slack.sockets.opened == 2 and slack.sockets.sockets, "a new connection")
        ann.post(channel, "Still there?")
        await slack.settle()

    assert len(received) == 1


async def test_an_announced_disconnect_happens_after_the_grace_period():
    async with FakeSlack(speed=20) as slack, raw_connection(slack) as socket:
        slack.sockets.disconnect("warning")
        announced = await socket.receive_json()
        ended = await socket.receive()

    assert (announced["type"], announced["reason"]) == ("disconnect", "warning")
    assert ended.type is aiohttp.WSMsgType.CLOSE


async def test_socket_mode_can_be_switched_off(slack: FakeSlack, acme: Workspace):
    web = AsyncWebClient(token=slack.app.app_token, base_url=slack.api_url)
    async with raw_connection(slack) as socket:
        slack.sockets.switch_off()
        announced = await socket.receive_json()
    with pytest.raises(SlackApiError):
        await web.apps_connections_open(app_token=slack.app.app_token)

    assert announced["reason"] == "link_disabled"


async def test_a_half_open_connection_answers_no_ping_and_its_events_go_over_another():
    async with FakeSlack(speed=20, limits=Limits(ack_seconds=6)) as slack:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        async with connected(slack) as received:
            slack.sockets.swallow()
            ann.post(channel, "Anybody?")
            await slack.wait_for(lambda: slack.sockets.opened >= 2, "a new connection")
            await slack.settle()

    outcomes = [attempt.outcome for attempt in slack.journal.deliveries[0].attempts]
    assert outcomes[0] == "http_timeout"
    assert outcomes[-1] == "acked"
    assert received


async def test_a_cut_connection_fails_its_event_at_once_and_it_is_sent_again(slack: FakeSlack, acme: Workspace):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    async with connected(slack) as received:
        async with raw_connection(slack) as silent:
            while not silent.closed:
                ann.post(channel, "Anybody?")
                await asyncio.sleep(0.02)
                if any(socket.waiting for socket in slack.sockets.sockets):
                    slack.sockets.cut(slack.sockets.sockets[1])
                    break
        await slack.settle()

    retried = [delivery for delivery in slack.journal.deliveries if len(delivery.attempts) > 1]
    assert [attempt.outcome for attempt in retried[0].attempts] == ["connection_failed", "acked"]
    assert any(request.retry_attempt == 1 for request in received)


async def test_a_ticket_can_be_used_once_and_expires():
    clock = HandClock()
    async with FakeSlack(clock=clock) as slack:
        used, old = slack.sockets.issue_url(), slack.sockets.issue_url()
        async with raw_connection(slack, used):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                async with raw_connection(slack, used):
                    pass
        clock.move(Limits().socket_ticket_seconds + 1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with raw_connection(slack, old):
                pass

    assert slack.sockets.refused == 2


async def test_the_eleventh_connection_is_one_too_many(slack: FakeSlack):
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(slack.sockets.issue_url()) for _ in range(11)]
        greetings = [await socket.receive_json() for socket in sockets]

    assert [greeting["type"] for greeting in greetings] == ["hello"] * 10 + ["disconnect"]
    assert greetings[-1]["reason"] == "too_many_websockets"


async def test_a_click_is_answered_or_the_user_sees_an_error(slack: FakeSlack, acme: Workspace, web: AsyncWebClient):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    button = {"type": "button", "action_id": "take", "text": {"type": "plain_text", "text": "Take it"}, "value": "7"}
    await web.chat_postMessage(channel=channel.id, text="x", blocks=[{"type": "actions", "elements": [button]}])
    clicks: list[dict[str, Any]] = []

    async def collect(client: SocketModeClient, request: SocketModeRequest) -> None:
        if request.type == "interactive":
            clicks.append(request.payload)
        await acknowledge(client, request)

    unanswered = await ann.click(channel.shown[0], "take")
    async with connected(slack, collect):
        answer = await ann.click(channel.shown[0], "take")
        with pytest.raises(LookupError, match="'take'"):
            await ann.click(channel.shown[0], "wrong")

    assert not unanswered.acked
    assert slack.journal.shown_errors == ["operation_failed"]
    assert answer.acked
    assert clicks[0]["actions"][0]["value"] == "7"
    assert clicks[0]["message"]["ts"] == channel.shown[0].ts
