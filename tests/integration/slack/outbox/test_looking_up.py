"""A post with an unknown outcome is settled even where Slack lets an app read 15 messages a minute."""

from __future__ import annotations

import itertools

from aiohttp import web

from factories.outbox import BOTH_DATABASES, SETTINGS, found, post, running, settled
from factories.scripted_slack import slow_down
from factories.slack import install
from foreword_slack.clock import ScaledClock
from foreword_slack.outbox import Outbox, OutboxSettings
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import PostState
from foreword_slack.testing import App, CallFault, FakeSlack, FaultPlan


def page(messages, cursor=""):
    return {"ok": True, "messages": messages, "response_metadata": {"next_cursor": cursor}}


@BOTH_DATABASES
async def test_a_look_up_goes_on_at_the_page_that_it_has_reached(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append(slack.accept_and_cut)
    slack.script["conversations.history"].extend(
        [
            page([], "two"),
            slow_down("3"),
            page([], "three"),
            slow_down("3"),
            lambda request: web.json_response(page(slack.posted)),
        ]
    )
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert [call.get("cursor") for call in slack.of("conversations.history")] == [None, "two", "two", "three", "three"]
    assert len(slack.of("chat.postMessage")) == 1
    assert (await found(store)).state is PostState.SENT


async def test_a_cursor_that_has_expired_starts_the_look_up_again(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append(slack.accept_and_cut)
    slack.script["conversations.history"].extend(
        [page([], "two"), slow_down("1"), {"ok": False, "error": "invalid_cursor"}]
    )
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert [call.get("cursor") for call in slack.of("conversations.history")] == [None, "two", "two", None]
    assert len(slack.posted) == 1


async def test_the_search_for_a_repeated_post_starts_at_the_first_page(store, slack):
    await install(store)
    slack.script["chat.postMessage"].extend([{"ok": False, "error": "internal_error"}] * 2)
    slack.script["conversations.history"].extend([page([], "two"), page([])] * 2)
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert [call.get("cursor") for call in slack.of("conversations.history")] == [None, "two"] * 2
    assert len(slack.posted) == 1


async def test_an_ambiguous_post_under_one_call_a_minute_is_settled_within_two_pages_time(store):
    plan = FaultPlan()
    clock = ScaledClock(20)
    store.clock = clock
    async with FakeSlack(clock=clock, faults=plan, app=App(is_distributed=True)) as fake:
        acme = fake.add_team()
        channel = acme.add_channel("busy")
        await install(store, acme.id)
        api = SlackApi(fake.api_url)

        class Clients:
            async def client(self, team):
                return api.client(acme.token)

            async def renew(self, team):
                return False

        outbox = Outbox(store, Clients(), settings=OutboxSettings(**SETTINGS | {"call_seconds": 15}))
        outbox.start()
        plan.fail_calls(CallFault.CUT_AFTER, method="chat.postMessage", text="lost")
        for number in range(3):
            await post(store, f"before {number}", channel.id, team=acme.id)
        await post(store, "lost", channel.id, "lost", team=acme.id)
        for number in range(20):
            await post(store, f"after {number}", channel.id, team=acme.id)
        await settled(outbox)
        ended = await found(store, "lost", acme.id)
        await outbox.stop()
        await api.close()

    lost = next(call for call in fake.journal.calls if call.arguments.get("text") == "lost")
    before = next(message for message in channel.shown if message.metadata["event_payload"]["key"] == "before 2")
    look_ups = [call for call in fake.journal.calls if call.method == "conversations.history"]
    assert {call.arguments["oldest"] for call in look_ups} == {before.ts}
    assert (ended.finish_time.timestamp() - lost.at) < 120
    assert sum(message.text == "lost" for message in channel.shown) == 1
    gaps = [after.at - before.at for before, after in itertools.pairwise(fake.journal.posts)]
    assert min(gaps) >= 1.0
