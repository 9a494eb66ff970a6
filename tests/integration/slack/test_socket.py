"""Socket Mode: connections are kept open, and an event is acknowledged only once it is stored."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest

from factories.slack_bots import bot_parts, kept, socket_mode
from factories.waiting import eventually
from foreword.errors import FailedPreconditionError
from foreword_slack.clock import ScaledClock
from foreword_slack.store import Store
from foreword_slack.testing import DeliveryFault, FakeSlack, FaultPlan, Limits, SocketFault

# Connections that a busy machine does not take for broken ones; a test of a time limit sets its own.
UNHURRIED = {"silence_seconds": 600, "greet_seconds": 600}


@pytest.fixture
def clock():
    return ScaledClock(20)


@pytest.fixture
def faults():
    return FaultPlan()


@pytest.fixture
def limits():
    # On a busy machine a few seconds of a fast clock may pass before anything runs.
    return Limits(ack_seconds=600, disconnect_grace_seconds=200)


@pytest.fixture
async def slack(clock, faults, limits):
    async with FakeSlack(clock=clock, faults=faults, limits=limits) as running:
        yield running


@pytest.fixture
def acme(slack):
    return slack.add_team("Acme")


@pytest.fixture
async def store(migrated_slack_file, tmp_path, clock):
    opened = await Store.open(f"sqlite:///{shutil.copy(migrated_slack_file, tmp_path / 'slack.db')}", clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def parts(store, slack, acme):
    async with bot_parts(store, api_url=slack.api_url, tenants={acme.id: "acme"}) as made:
        yield made


@asynccontextmanager
async def connected(parts, slack, *, connections=2, **settings):
    settings = UNHURRIED | settings
    sockets = socket_mode(parts, slack.app.app_token, parts.store.clock, connections=connections, **settings)
    await sockets.start()
    try:
        await eventually(lambda: sockets.num_ready == connections)
        yield sockets
    finally:
        await sockets.stop(grace_seconds=1)


def complain(acme, count=1):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    return [ann.post(channel, f"Screw {number} is missing.") for number in range(count)]


async def test_events_over_several_connections_are_kept_and_acknowledged(parts, slack, acme, store):
    async with connected(parts, slack, connections=3) as sockets:
        assert len(slack.sockets.sockets) == 3
        complain(acme, 12)
        await slack.settle()
        assert sockets.num_ready == 3
    assert len(await kept(store)) == 12
    assert all(delivery.acked for delivery in slack.journal.deliveries)
    assert len({attempt.socket for item in slack.journal.deliveries for attempt in item.attempts}) > 1
    assert slack.sockets.refused == 0


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_a_connection_that_slack_will_end_is_replaced_first(parts, slack, acme, store, reason):
    async with connected(parts, slack, connections=1) as sockets:
        (old,) = slack.sockets.sockets
        slack.sockets.disconnect(reason, old)
        await eventually(lambda: [other for other in slack.sockets.sockets if other is not old])
        assert not old.closed.is_set()
        complain(acme)
        await slack.settle()
        assert sockets.counts[reason] == 1
        await eventually(old.closed.is_set)
    assert [len(delivery.attempts) for delivery in slack.journal.deliveries] == [1]


async def test_a_connection_beyond_the_limit_is_given_up_for_a_while(parts, slack, clock):
    async with connected(parts, slack, connections=2, longest_wait_seconds=10) as sockets:
        began = clock.now()
        slack.sockets.disconnect("too_many_websockets", slack.sockets.sockets[0])
        await eventually(lambda: sockets.counts["too_many_websockets"])
        await eventually(lambda: slack.sockets.opened == 3)
        assert (clock.now() - began).total_seconds() > 5
        await eventually(lambda: sockets.num_ready == 2)


async def test_no_more_than_ten_connections_are_open_while_all_are_replaced(parts, slack):
    async with connected(parts, slack, connections=10) as sockets:
        most = []
        slack.sockets.disconnect("refresh_requested")
        for _ in range(40):
            most.append(len(slack.sockets.sockets))
            await asyncio.sleep(0.02)
        await eventually(lambda: sockets.num_ready == 10)
    assert max(most) <= 10
    assert sockets.counts["too_many_websockets"] == 0


async def test_the_bot_waits_until_socket_mode_is_enabled_again(parts, slack, acme, store):
    async with connected(parts, slack, connections=1, longest_wait_seconds=4) as sockets:
        slack.sockets.switch_off()
        await eventually(lambda: sockets.counts["link_disabled"])
        await eventually(lambda: sockets.counts["not_opened"])
        slack.app.socket_mode = True
        await eventually(lambda: sockets.num_ready == 1)
        complain(acme)
        await slack.settle()
    assert len(await kept(store)) == 1


async def test_a_half_open_connection_is_noticed_and_replaced(parts, slack, acme, store):
    async with connected(parts, slack, connections=1, ping_seconds=2, silence_seconds=6) as sockets:
        slack.sockets.swallow()
        await eventually(lambda: sockets.counts["silent"])
        await eventually(lambda: sockets.num_ready == 1)
        complain(acme)
        await slack.settle()
    assert len(await kept(store)) == 1


async def test_a_connection_without_events_is_replaced(parts, slack):
    async with connected(parts, slack, connections=1, ping_seconds=2, quiet_seconds=5) as sockets:
        await eventually(lambda: sockets.counts["quiet"])
        await eventually(lambda: slack.sockets.opened >= 2)


async def test_a_connection_that_breaks_is_opened_again(parts, slack, acme, store):
    async with connected(parts, slack, connections=1) as sockets:
        slack.sockets.cut()
        await eventually(lambda: sockets.counts["closed"])
        await eventually(lambda: sockets.num_ready == 1)
        complain(acme)
        await slack.settle()
    assert len(await kept(store)) == 1


class TestInRealTime:
    """What a bot accepts within three seconds, which a busy machine may need."""

    @pytest.fixture
    def clock(self):
        return ScaledClock(1)

    async def test_stopping_acknowledges_the_received_envelopes(self, parts, slack, acme, store):
        sockets = socket_mode(parts, slack.app.app_token, store.clock, connections=2)
        await sockets.start()
        await eventually(lambda: sockets.num_ready == 2)
        complain(acme, 10)
        await eventually(lambda: parts.intake.counts["received"] >= 3)
        await sockets.stop()
        await eventually(lambda: not slack.sockets.sockets)
        # Slack notes what it has received a moment later.
        await eventually(lambda: sum(delivery.acked for delivery in slack.journal.deliveries) >= 3)
        acknowledged = [delivery for delivery in slack.journal.deliveries if delivery.acked]
        assert len(await kept(store)) >= len(acknowledged)


async def test_an_app_token_that_slack_refuses_is_reported_at_once(parts, slack):
    sockets = socket_mode(parts, "xapp-1-wrong", parts.store.clock)
    with pytest.raises(FailedPreconditionError, match="connections:write"):
        await sockets.start()


async def test_a_click_is_answered_over_the_socket(parts, slack, acme):
    @parts.bolt.command("/foreword")
    async def command(ack):
        await ack(text="Here it is")

    await parts.installations.install_token(acme.id, acme.token)
    async with connected(parts, slack):
        ann = acme.add_user("ann")
        answer = await ann.run_command(acme.add_channel("complaints", ann), "/foreword", "find")
    assert answer.body["text"] == "Here it is"


class TestUnderFaults:
    @pytest.fixture
    def limits(self):
        return Limits()

    @pytest.fixture
    def faults(self):
        return FaultPlan(
            seed=7,
            deliveries={DeliveryFault.DUPLICATE: 0.2, DeliveryFault.LATE: 0.2, DeliveryFault.ACK_LOST: 0.2},
            sockets={SocketFault.CUT: 0.05, SocketFault.REFRESH: 0.05, SocketFault.WARNING: 0.05},
        )

    async def test_every_event_is_kept_once_whatever_happens_to_the_connections(self, parts, slack, acme, store):
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        messages = []
        async with connected(parts, slack, connections=3):
            for number in range(60):
                messages.append(ann.post(channel, f"Screw {number} is missing."))
                await slack.clock.sleep(0.3)
            await slack.settle()
        assert sorted(await kept(store)) == sorted(f"message:{each.channel_id}:{each.ts}" for each in messages)
        assert slack.faults.happened["duplicate"]
        assert slack.faults.happened["cut"]
