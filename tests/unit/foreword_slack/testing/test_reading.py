"""The app reads in pages, and only what it is allowed to see."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import FakeSlack, Workspace


async def test_a_history_comes_newest_first_in_pages_and_without_replies(acme: Workspace, web: AsyncWebClient):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    messages = [ann.post(channel, str(number)) for number in range(5)]
    ann.post(channel, "a reply", thread=messages[0])

    pages = [[item["text"] for item in page["messages"]] async for page in await web.conversations_history(
        channel=channel.id, limit=2
    )]  # fmt: skip
    since = await web.conversations_history(channel=channel.id, oldest=messages[2].ts)
    thread = await web.conversations_replies(channel=channel.id, ts=messages[0].ts)

    assert pages == [["4", "3"], ["2", "1"], ["0"]]
    assert [item["text"] for item in since["messages"]] == ["4", "3"]
    assert [item["text"] for item in thread["messages"]] == ["0", "a reply"]


async def test_only_channels_that_the_bot_can_see_are_listed(acme: Workspace, web: AsyncWebClient):
    ann = acme.add_user("ann")
    open_ = acme.add_channel("open", ann, with_bot=False)
    acme.add_channel("hidden", ann, with_bot=False, is_private=True)
    acme.add_channel("ours", ann, is_private=True)

    listed = await web.conversations_list(types="public_channel,private_channel")
    await web.conversations_join(channel=open_.id)

    assert [(item["name"], item["is_member"]) for item in listed["channels"]] == [("open", False), ("ours", True)]
    assert set((await web.conversations_members(channel=open_.id))["members"]) == {ann.id, acme.bot.id}


async def test_calls_beyond_a_method_s_rate_are_refused(slack: FakeSlack, acme: Workspace, web: AsyncWebClient):
    for _ in range(20):
        await web.users_list()
    with pytest.raises(SlackApiError, match="ratelimited"):
        await web.users_list()


async def test_a_direct_message_goes_to_the_conversation_with_the_bot(
    slack: FakeSlack, acme: Workspace, web: AsyncWebClient
):
    ann = acme.add_user("ann")
    opened = await web.conversations_open(users=ann.id)
    await web.chat_postMessage(channel=ann.id, text="Hello")
    message = ann.write_to_bot("Hi")

    assert message.channel_id == opened["channel"]["id"]
    assert slack.journal.deliveries[-1].payload["event"]["channel_type"] == "im"


async def test_an_unknown_method_and_a_wrong_argument_are_named(acme: Workspace, web: AsyncWebClient):
    with pytest.raises(SlackApiError, match="unknown_method"):
        await web.api_call("chat.shout")
    with pytest.raises(SlackApiError, match="invalid_limit"):
        await web.conversations_list(limit=1001)


async def test_a_reaction_is_added_once(acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")
    posted = await web.chat_postMessage(channel=channel.id, text="x")
    await web.reactions_add(channel=channel.id, timestamp=posted["ts"], name="eyes")

    with pytest.raises(SlackApiError, match="already_reacted"):
        await web.reactions_add(channel=channel.id, timestamp=posted["ts"], name="eyes")
    assert channel.shown[0].reactions == {"eyes": [acme.bot.id]}
