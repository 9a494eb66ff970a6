"""Every post is made once, within Slack's rate limits, with a distinct reaction to each kind of failure."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest
from aiohttp import web

from factories.outbox import BOTH_DATABASES, Clients, found, post, running, settled
from factories.scripted_slack import slow_down, status
from factories.slack import install
from factories.waiting import eventually
from foreword.errors import FailedPreconditionError
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import InstallationState, PostState, Store
from foreword_slack.store.tables import OutboxRow


@BOTH_DATABASES
async def test_a_post_is_made_once_and_its_text_deleted(store, slack):
    await install(store)
    async with running(store, slack) as outbox:
        assert await post(store)
        assert not await post(store)
        await settled(outbox)
    (posted,) = slack.posted
    assert (posted["text"], posted["channel"], posted["unfurl_links"]) == ("Late", "C1", False)
    assert posted["metadata"] == {"event_type": "foreword_post", "event_payload": {"key": "route"}}
    sent = await found(store)
    assert (sent.state, sent.ts) == (PostState.SENT, posted["ts"])
    assert (await store.survey(lambda operator: operator.session.query(OutboxRow).one())).payload is None


async def test_a_channel_gets_one_call_a_second_and_others_do_not_wait_for_it(store, slack, clock):
    await install(store)
    times = []

    def note(request):
        times.append((slack.calls[-1][1]["channel"], clock.now()))
        return web.json_response(slack.accept(*slack.calls[-1]))

    slack.script["chat.postMessage"].extend([note] * 8)
    async with running(store, slack) as outbox:
        for number in range(4):
            for channel in ("C1", "C2"):
                await post(store, f"{channel}:{number}", channel)
        await settled(outbox)
    for channel in ("C1", "C2"):
        mine = [time for other, time in times if other == channel]
        assert all((after - before).total_seconds() > 0.9 for before, after in itertools.pairwise(mine))


@pytest.mark.parametrize(("header", "at_least"), [("3", 2.9), ("0", 0.9), (None, 0.9), ("soon", 0.9)])
async def test_a_rate_limited_channel_waits_and_loses_nothing(store, slack, clock, header, at_least):
    await install(store)
    times = []
    answer = slow_down(header)
    slack.script["chat.postMessage"].append(lambda request: times.append(clock.now()) or answer(request))
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert len(slack.posted) == 1
    assert (await found(store)).attempts == 1
    assert ((await found(store)).finish_time - times[0]).total_seconds() > at_least


@pytest.mark.parametrize("code", ["channel_not_found", "not_in_channel", "is_archived", "restricted_action_read_only"])
async def test_a_post_that_can_never_succeed_is_shown_and_blocks_nothing(store, slack, code):
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": code})

    def instead(uow, sending, reason):
        uow.posts.post("review", "C9", {"text": f"{sending.name}: {reason}"})

    async with running(store, slack, on_failed=instead) as outbox:
        await post(store, complaint="C0:1.1")
        await settled(outbox)
        await post(store, "other", "C2")
        await settled(outbox)
    assert ((await found(store)).state, (await found(store)).reason) == (PostState.FAILED, code)
    assert [message["text"] for message in slack.posted] == [f"route: {code}", "Late"]
    (line,) = await store.read("T1", lambda uow: uow.audit.lines(complaint="C0:1.1"))
    assert (line.action, line.facts["reason"]) == ("post_failed", code)


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive", "invalid_auth", "missing_scope"])
async def test_a_workspace_that_is_down_parks_its_posts_until_it_is_installed_again(store, slack, code):
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": code})
    async with running(store, slack) as outbox:
        await post(store)
        await post(store, "second", "C2")
        await settled(outbox)
        workspace = await store.read("T1", lambda uow: uow.installation)
        assert (workspace.state, workspace.reason) == (InstallationState.DOWN, code)
        assert (await found(store)).state is PostState.PENDING
        before = len(slack.calls)
        await asyncio.sleep(0.3)
        assert len(slack.calls) == before
        await install(store)
        store.notify_outbox("T1")
        await settled(outbox)
    assert sorted(message["channel"] for message in slack.posted) == ["C1", "C2"]


async def test_an_expired_token_is_renewed_and_the_post_made(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": "token_expired"})
    clients = Clients(None)
    async with running(store, slack, clients=clients) as outbox:
        await post(store)
        await settled(outbox)
    assert clients.renewed == ["T1"]
    assert slack.tokens[-1] == "Bearer xoxb-T1-1"
    assert len(slack.posted) == 1


@BOTH_DATABASES
async def test_a_post_with_a_lost_answer_is_found_and_not_repeated(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append(slack.accept_and_cut)
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert len(slack.of("chat.postMessage")) == 1
    assert (await found(store)).ts == slack.posted[0]["ts"]
    assert (outbox.counts["unsure"], outbox.counts["found"]) == (1, 1)


@pytest.mark.parametrize("answer", [{"ok": False, "error": "internal_error"}, status(503), status(200, "{")])
async def test_a_post_of_unknown_outcome_that_is_not_found_is_repeated(store, slack, answer):
    await install(store)
    slack.script["chat.postMessage"].append(answer)
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    first, second = slack.of("chat.postMessage")
    assert first["client_msg_id"] == second["client_msg_id"]
    assert len(slack.of("conversations.history")) == 1
    assert (len(slack.posted), outbox.counts["absent"], outbox.counts["unknown"]) == (1, 1, 0)


async def test_a_post_in_a_thread_is_looked_for_in_its_thread(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append(slack.accept_and_cut)
    async with running(store, slack) as outbox:
        await post(store, thread_ts="1.1")
        await settled(outbox)
    assert slack.of("conversations.replies")[0]["ts"] == "1.1"
    assert len(slack.posted) == 1


@BOTH_DATABASES
async def test_a_call_that_cannot_be_looked_up_is_repeated_and_counted(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append(slack.accept_and_cut)
    slack.script["conversations.history"].append({"ok": False, "error": "missing_scope"})
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert outbox.counts["unknown"] == 1
    assert [message["client_msg_id"] for message in slack.posted] == [slack.posted[0]["client_msg_id"]] * 2


async def test_a_look_up_that_fails_for_now_is_repeated_before_anything_is_posted(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append(slack.accept_and_cut)
    slack.script["conversations.history"].extend([slow_down("1"), status(500)])
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    assert len(slack.of("conversations.history")) == 3
    assert len(slack.posted) == 1


async def test_an_answer_that_never_comes_counts_as_unknown(store, slack):
    await install(store)
    over = asyncio.Event()

    async def hang(request):
        slack.accept(*slack.calls[-1])
        await over.wait()

    slack.script["chat.postMessage"].append(hang)
    async with running(store, slack, call_seconds=50) as outbox:
        await post(store)
        await settled(outbox)
        over.set()
    assert len(slack.posted) == 1
    assert (await found(store)).ts == slack.posted[0]["ts"]


@BOTH_DATABASES
async def test_a_post_that_a_killed_bot_was_making_is_looked_for_first(store, slack):
    await install(store)
    await post(store)
    (sending,) = await store.operate(lambda operator: operator.posts.claim("T1", (), 5, timedelta(seconds=1)))
    assert not sending.unsure
    slack.accept(
        "chat.postMessage",
        {"channel": "C1", "metadata": {"event_type": "foreword_post", "event_payload": {"key": "route"}}},
    )
    async with running(store, slack) as outbox:
        await settled(outbox)
    assert slack.of("chat.postMessage") == []
    assert (await found(store)).state is PostState.SENT


async def test_a_connection_that_cannot_be_made_leaves_no_doubt(store, slack):
    await install(store)
    url, slack.url = slack.url, "http://127.0.0.1:9/api/"
    clients = Clients(None)
    async with running(store, slack, clients=clients) as outbox:
        await post(store)
        await eventually(lambda: outbox.counts["not_made"])
        api = SlackApi(url)
        broken, clients.api = clients.api, api
        await settled(outbox)
        await broken.close()
    await api.close()
    assert slack.of("conversations.history") == []
    assert len(slack.posted) == 1


async def test_a_workspace_in_trouble_delays_no_other(store, slack):
    for team in ("T1", "T2"):
        await install(store, team)
    over = asyncio.Event()

    async def hang(request):
        await over.wait()
        return web.json_response(slack.accept("chat.postMessage", {"channel": "C0"}))

    slack.script["chat.postMessage"].extend([hang] * 8)
    async with running(store, slack, call_seconds=1000) as outbox:
        for number in range(8):
            await post(store, f"a{number}", f"C{number}")
        await eventually(lambda: len(slack.calls) == 8)
        await post(store, team="T2")
        await eventually(lambda: slack.posted)
        assert outbox.counts["sent"] <= 1
        over.set()


async def test_small_calls_are_made(store, slack):
    await install(store)

    def ask(uow):
        uow.posts.ephemeral("tell", "C2", "U1", {"text": "Only you"})
        uow.posts.publish_home("U1", {"type": "home", "blocks": [1]})
        uow.posts.publish_home("U1", {"type": "home", "blocks": [2]})

    async with running(store, slack) as outbox:
        await store.write("T1", ask)
        await settled(outbox)
    assert slack.of("chat.postEphemeral")[0]["user"] == "U1"
    assert [call["view"]["blocks"] for call in slack.of("views.publish")] == [[2]]


async def test_an_unknown_refusal_is_retried_a_few_times(store, slack):
    await install(store)
    slack.script["chat.postMessage"].extend([{"ok": False, "error": "something_new"}] * 3)
    async with running(store, slack, max_refusals=3) as outbox:
        await post(store)
        await settled(outbox)
    assert (await found(store)).reason == "something_new"
    assert len(slack.calls) == 3


async def test_a_token_that_cannot_be_decrypted_leaves_the_post_to_a_bot_that_can(store, slack):
    class Locked(Clients):
        async def client(self, team):
            raise FailedPreconditionError("another key", reason="TOKEN_KEY_UNKNOWN")

    await install(store)
    async with running(store, slack, clients=Locked(None)):
        await post(store)

        async def refused():
            return (await found(store)).reason == "token_key_unknown"

        await eventually(refused)
    async with running(store, slack) as outbox:
        await settled(outbox)
    assert len(slack.posted) == 1


async def test_a_token_that_was_replaced_meanwhile_does_not_take_the_workspace_down(store, slack):
    await install(store)
    clients = Clients(None)

    def refuse(request):
        clients.renewed.append("installed again")  # while the call with the old token was under way
        return web.json_response({"ok": False, "error": "token_revoked"})

    slack.script["chat.postMessage"].append(refuse)
    async with running(store, slack, clients=clients) as outbox:
        await post(store)
        await settled(outbox)
    assert (await store.read("T1", lambda uow: uow.installation)).state is InstallationState.ACTIVE
    assert len(slack.posted) == 1


@BOTH_DATABASES
async def test_the_text_of_failed_posts_is_deleted_after_a_while(store, slack, clock):
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": "is_archived"})
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    await post(store, team="T2")
    ended_before = clock.now() - timedelta(hours=1)

    async def purge(after):
        await store.operate(
            lambda operator: operator.posts.purge(ended_before=ended_before, failed_before=clock.now() + after)
        )
        return await store.survey(
            lambda operator: [(row.state, row.payload) for row in operator.session.query(OutboxRow).order_by("key")]
        )

    assert [payload is None for _, payload in await purge(timedelta(hours=-1))] == [False, False]
    assert await purge(timedelta(hours=1)) == [("failed", None), ("failed", None)]


@BOTH_DATABASES
async def test_two_bots_on_one_store_make_each_call_once(store, store_url, clock, slack):
    await install(store)
    other = await Store.open(store_url, clock=clock)
    async with running(store, slack, poll_seconds=0.5) as one, running(other, slack, poll_seconds=0.5) as two:
        for number in range(24):
            await post(store, f"to {number}", f"C{number % 8}")
        await settled(one)
    await other.close()
    names = [message["metadata"]["event_payload"]["key"] for message in slack.posted]
    assert sorted(names) == sorted(f"to {number}" for number in range(24))
    assert one.counts["sent"] + two.counts["sent"] == 24


async def test_updates_have_a_budget_of_their_own_and_do_not_delay_posts(store, slack, clock):
    await install(store)
    async with running(store, slack, team_burst=200.0) as outbox:
        for number in range(25):
            await post(store, f"post {number}", f"C{number}")
        await settled(outbox)
    times = []

    def note(request):
        times.append(clock.now())
        return web.json_response({"ok": True})

    slack.script["chat.update"].extend([note] * 25)

    def take_all(uow):
        for number in range(25):
            uow.posts.update(f"post {number}", {"text": "Taken"})
        uow.posts.post("new", "C1", {"text": "New"})

    async with running(store, slack) as outbox:
        await store.write("T1", take_all)
        await settled(outbox)
        sent = await found(store, "new")
    assert len(times) == 25
    assert (times[-1] - sent.finish_time).total_seconds() > 10, "most updates are after the new post"
    assert (times[-1] - times[0]).total_seconds() > 20, "at most 50 in any minute"
    assert all((later - times[0]).total_seconds() > 5 for later in times[15:])
