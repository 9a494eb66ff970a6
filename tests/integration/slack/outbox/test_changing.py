"""Updates of posts are made in order, only the newest, and none is lost with a failed post."""

from __future__ import annotations

import asyncio

from aiohttp import web

from factories.outbox import BOTH_DATABASES, found, post, running, settled
from factories.slack import install
from factories.waiting import eventually
from foreword_slack.store import PostState


@BOTH_DATABASES
async def test_an_update_waits_for_its_post_and_only_the_newest_is_made(store, slack):
    await install(store)
    go = asyncio.Event()

    async def wait(request):
        await go.wait()
        return web.json_response(slack.accept(*slack.calls[-1]))

    slack.script["chat.postMessage"].append(wait)
    async with running(store, slack) as outbox:
        await post(store)
        await eventually(lambda: slack.calls)
        for text in ("first", "second", "third"):
            assert await store.write("T1", lambda uow, t=text: uow.posts.update("route", {"text": t}))
        go.set()
        await settled(outbox)
    (update,) = slack.of("chat.update")
    assert (update["text"], update["ts"]) == ("third", slack.posted[0]["ts"])


async def test_an_update_of_a_post_that_was_not_attempted_changes_its_content(store, slack):
    await install(store)
    await post(store, thread_ts="1.1")
    await store.write("T1", lambda uow: uow.posts.update("route", {"text": "Lost"}))
    async with running(store, slack) as outbox:
        await settled(outbox)
    assert [name for name, _ in slack.calls] == ["chat.postMessage"]
    assert (slack.posted[0]["text"], slack.posted[0]["thread_ts"]) == ("Lost", "1.1")


@BOTH_DATABASES
async def test_changes_of_a_post_that_failed_fail_too(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": "is_archived"})
    async with running(store, slack) as outbox:
        await post(store)
        await post(store, "reply", thread_of="route")
        await settled(outbox)
    assert (await found(store, "reply")).reason == "target_failed"
    assert not await store.write("T1", lambda uow: uow.posts.update("route", {"text": "Lost"}))


async def refused_once(store, slack):
    """Make a post that Slack refuses; it is sent again only if an operator retries it."""
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": "is_archived"})
    async with running(store, slack) as outbox:
        await post(store, thread_ts="1.1")
        await settled(outbox)


async def retried(store, slack):
    async with running(store, slack) as outbox:
        await store.operate(lambda operator: operator.posts.revive("T1"))
        outbox.wake("T1")
        await settled(outbox)


async def test_a_retried_post_has_the_newest_content(store, slack):
    await refused_once(store, slack)

    await store.write("T1", lambda uow: uow.posts.update("route", {"text": "Found"}))
    assert (await found(store)).state is PostState.FAILED
    await retried(store, slack)

    assert [(message["text"], message["thread_ts"]) for message in slack.posted] == [("Found", "1.1")]


async def test_a_pending_update_of_a_failed_post_is_sent_when_it_is_retried(store, slack):
    await install(store)

    async def refuse(request):
        await store.write("T1", lambda uow: uow.posts.update("route", {"text": "Found"}))
        return web.json_response({"ok": False, "error": "is_archived"})

    slack.script["chat.postMessage"].append(refuse)
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
    await retried(store, slack)

    assert [message["text"] for message in slack.posted] == ["Found"]
    assert slack.of("chat.update") == []


async def test_a_failed_update_is_not_retried_after_a_newer_one(store, slack):
    await install(store)
    slack.script["chat.update"].append({"ok": False, "error": "is_archived"})
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
        for text in ("older", "newer"):
            await store.write("T1", lambda uow, t=text: uow.posts.update("route", {"text": t}))
            await settled(outbox)
    await retried(store, slack)

    assert [update["text"] for update in slack.of("chat.update")] == ["older", "newer"]


@BOTH_DATABASES
async def test_a_retired_post_is_sent_only_if_it_is_requested_again(store, slack):
    await refused_once(store, slack)

    await store.write("T1", lambda uow: uow.posts.retire("route", {"text": "Not yours any more"}))
    await retried(store, slack)
    assert slack.posted == []

    async with running(store, slack) as outbox:
        assert await store.write("T1", lambda uow: uow.posts.post_again("route", "C1", {"text": "Yours again"}))
        await settled(outbox)
    assert [message["text"] for message in slack.posted] == ["Yours again"]


async def test_a_failed_post_is_requested_again_in_another_channel(store, slack):
    await install(store)
    slack.script["chat.postMessage"].append({"ok": False, "error": "is_archived"})
    async with running(store, slack) as outbox:
        await post(store)
        await settled(outbox)
        again = [
            await store.write("T1", lambda uow: uow.posts.post_again("route", "C7", {"text": "Once more"}))
            for _ in range(2)
        ]
        await settled(outbox)
    assert again == [True, False]
    assert (await found(store)).state is PostState.SENT
    assert [(message["channel"], message["text"]) for message in slack.posted] == [("C7", "Once more")]


async def test_a_reply_goes_into_the_thread_of_its_post(store, slack):
    await install(store)
    async with running(store, slack) as outbox:
        await post(store)
        await post(store, "reply", thread_of="route")
        await settled(outbox)
    assert slack.posted[1]["thread_ts"] == slack.posted[0]["ts"]
