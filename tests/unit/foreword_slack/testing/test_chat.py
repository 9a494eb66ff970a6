"""Messages of the app are checked as Slack checks them."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import FakeSlack, PostingRule, Workspace


async def refused(call) -> str:
    """Return the error code of a call that must fail."""
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(caught.value.response["error"])


async def test_a_post_appears_in_the_channel_and_in_its_history(slack: FakeSlack, acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")

    answer = await web.chat_postMessage(channel=channel.id, text="Hello")
    history = await web.conversations_history(channel=channel.id)

    assert [message.text for message in channel.shown] == ["Hello"]
    assert history["messages"][0]["ts"] == answer["ts"]
    assert history["messages"][0]["bot_id"] == acme.bot.bot_id


async def test_posting_requires_membership_unless_the_channel_is_public_and_the_scope_allows_it(
    acme: Workspace, web: AsyncWebClient
):
    public = acme.add_channel("public", with_bot=False)
    private = acme.add_channel("private", with_bot=False, is_private=True)

    await web.chat_postMessage(channel=public.id, text="Hello")
    acme.grant_only("chat:write", "channels:history")

    assert await refused(web.chat_postMessage(channel=public.id, text="Hello")) == "not_in_channel"
    assert await refused(web.chat_postMessage(channel=private.id, text="Hello")) == "channel_not_found"
    assert await refused(web.conversations_history(channel=public.id)) == "not_in_channel"


async def test_archived_and_restricted_channels_take_no_posts(acme: Workspace, web: AsyncWebClient):
    ann = acme.add_user("ann")
    archived = acme.add_channel("old", ann)
    ann.archive(archived)
    read_only = acme.add_channel("news", posting=PostingRule.READ_ONLY)
    threads = acme.add_channel("threads", ann, posting=PostingRule.THREADS_ONLY)
    question = ann.post(threads, "Anybody?")

    assert await refused(web.chat_postMessage(channel=archived.id, text="x")) == "is_archived"
    assert await refused(web.chat_postMessage(channel=read_only.id, text="x")) == "restricted_action_read_only_channel"
    assert await refused(web.chat_postMessage(channel=threads.id, text="x")) == "restricted_action_thread_only_channel"
    await web.chat_postMessage(channel=threads.id, text="Yes", thread_ts=question.ts)


async def test_an_update_is_searched_for_names_by_default(acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")
    ts = (await web.chat_postMessage(channel=channel.id, text="Hello"))["ts"]
    (message,) = channel.shown

    posted = message.parse
    await web.chat_update(channel=channel.id, ts=ts, text="Hello @ann")
    updated = message.parse
    await web.chat_update(channel=channel.id, ts=ts, text="Hello @ann", parse="none")

    assert (posted, updated, message.parse) == ("none", "client", "none")
    assert await refused(web.chat_update(channel=channel.id, ts=ts, text="x", parse="some")) == "invalid_arguments"


async def test_workspaces_are_isolated(slack: FakeSlack, acme: Workspace, web: AsyncWebClient):
    other = slack.add_team("Other")
    channel = other.add_channel("complaints")
    user = other.add_user("eve")

    assert await refused(web.chat_postMessage(channel=channel.id, text="x")) == "channel_not_found"
    assert await refused(web.users_info(user=user.id)) == "user_not_found"


async def test_texts_have_length_limits(acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")

    assert await refused(web.api_call("chat.postMessage", json={"channel": channel.id})) == "no_text"
    assert await refused(web.chat_postMessage(channel=channel.id, text="x" * 40_001)) == "msg_too_long"
    posted = await web.chat_postMessage(channel=channel.id, text="x" * 40_000)
    assert await refused(web.chat_update(channel=channel.id, ts=posted["ts"], text="x" * 4_001)) == "msg_too_long"


async def test_only_the_apps_own_existing_messages_can_be_changed(acme: Workspace, web: AsyncWebClient):
    ann = acme.add_user("ann")
    channel = acme.add_channel("complaints", ann)
    hers = ann.post(channel, "Mine")
    own = (await web.chat_postMessage(channel=channel.id, text="Own"))["ts"]

    await web.chat_update(channel=channel.id, ts=own, text="Changed")
    assert channel.messages[own].text == "Changed"
    assert await refused(web.chat_update(channel=channel.id, ts=hers.ts, text="x")) == "cant_update_message"
    assert await refused(web.chat_delete(channel=channel.id, ts=hers.ts)) == "cant_delete_message"
    await web.chat_delete(channel=channel.id, ts=own)
    assert await refused(web.chat_update(channel=channel.id, ts=own, text="x")) == "message_not_found"
    assert await refused(web.chat_postMessage(channel=channel.id, text="x", thread_ts=own)) == "thread_not_found"


async def test_an_ephemeral_message_is_seen_by_one_member_and_not_in_the_history(acme: Workspace, web: AsyncWebClient):
    ann, bob = acme.add_user("ann"), acme.add_user("bob")
    channel = acme.add_channel("complaints", ann)

    await web.chat_postEphemeral(channel=channel.id, user=ann.id, text="Psst")

    assert [message.text for message in ann.ephemerals(channel)] == ["Psst"]
    assert channel.shown == []
    assert await refused(web.chat_postEphemeral(channel=channel.id, user=bob.id, text="x")) == "user_not_in_channel"


async def test_metadata_is_returned_on_request_with_the_scope(acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")
    metadata = {"event_type": "foreword_post", "event_payload": {"key": "route:1:Service"}}
    await web.chat_postMessage(channel=channel.id, text="x", metadata=metadata)

    plain = await web.conversations_history(channel=channel.id)
    asked = await web.conversations_history(channel=channel.id, include_all_metadata=True)

    assert "metadata" not in plain["messages"][0]
    assert asked["messages"][0]["metadata"] == metadata
    wrong = web.chat_postMessage(channel=channel.id, text="x", metadata={"event_type": "x"})
    assert await refused(wrong) == "invalid_metadata_format"


@pytest.mark.parametrize(("honoured", "posts"), [(True, 1), (False, 2)])
async def test_a_client_msg_id_makes_a_post_unique_if_slack_honours_it(
    slack: FakeSlack, acme: Workspace, web: AsyncWebClient, honoured: bool, posts: int
):
    slack.app.honours_client_msg_id = honoured
    channel = acme.add_channel("complaints")
    id = "0b8d0c39-8d3c-4b8e-9a43-0d8b52b4a1f1"

    first = await web.chat_postMessage(channel=channel.id, text="Once", client_msg_id=id)
    second = await web.chat_postMessage(channel=channel.id, text="Once", client_msg_id=id)

    assert len(channel.shown) == posts
    assert (first["ts"] == second["ts"]) is honoured


async def test_each_channel_accepts_one_post_in_any_second():
    async with FakeSlack() as slack:
        acme = slack.add_team()
        web = AsyncWebClient(token=acme.token, base_url=slack.api_url, retry_handlers=[])
        busy, calm = acme.add_channel("busy"), acme.add_channel("calm")
        await web.chat_postMessage(channel=busy.id, text="one")

        with pytest.raises(SlackApiError) as caught:
            await web.chat_postMessage(channel=busy.id, text="too many")
        await web.chat_postMessage(channel=calm.id, text="another channel")

    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    assert len(busy.shown) == 1


async def test_a_token_needs_the_scopes_of_a_method(acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")
    acme.grant_only("channels:read")

    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel=channel.id, text="x")

    assert caught.value.response["error"] == "missing_scope"
    assert caught.value.response["needed"] == "chat:write"
    assert caught.value.response["provided"] == "channels:read"


async def test_mentions_count_only_where_slack_formats_text(acme: Workspace, web: AsyncWebClient):
    channel = acme.add_channel("complaints")
    loud = {"type": "section", "text": {"type": "mrkdwn", "text": "<!channel> look"}}
    quiet = {"type": "section", "text": {"type": "plain_text", "text": "<!channel> look"}}
    escaped = {"type": "section", "text": {"type": "mrkdwn", "text": "&lt;!channel&gt; look"}}
    for block in (loud, quiet, escaped):
        await web.chat_postMessage(channel=channel.id, text="look", blocks=[block])

    assert [bool(message.notifies) for message in channel.shown] == [True, False, False]
