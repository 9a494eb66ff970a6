"""Operations of Slack and of operators on a running bot, end to end."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.fernet import Fernet

from factories.keyword_service import KeywordService
from factories.slack import written_before
from factories.slack_flood import Place, make_place
from foreword_slack.testing import CallFault, Channel, FakeSlack, Message


def posts(channel: Channel, words: str) -> list[Message]:
    return [message for message in channel.shown if words in message.shown_text]


async def test_one_bot_serves_several_workspaces_without_mixing_them(slack: FakeSlack, acme: Place, start_bot) -> None:
    other = make_place(slack, "Other", complaint_channels=1)
    await start_bot(acme, other)

    acme.author.post(acme.complaints[0], "complaint of Acme for Service")
    other.author.post(other.complaints[0], "complaint of Other for Service and Marketing")
    await slack.wait_for(lambda: posts(other.departments["Marketing"], "of Other"))
    await slack.wait_for(lambda: posts(acme.departments["Service"], "of Acme"))
    await slack.settle()

    everything = [post.message for post in slack.journal.posts]
    assert {message.team_id for message in everything if "of Acme" in message.shown_text} == {acme.workspace.id}
    assert {message.team_id for message in everything if "of Other" in message.shown_text} == {other.workspace.id}


async def test_a_broken_workspace_does_not_delay_another(slack: FakeSlack, acme: Place, start_bot) -> None:
    other = make_place(slack, "Other", complaint_channels=1)
    await start_bot(acme, other)

    acme.workspace.revoke_token()
    acme.author.post(acme.complaints[0], "complaint 1 for Service")
    other.author.post(other.complaints[0], "complaint 2 for Service")
    await slack.wait_for(lambda: posts(other.departments["Service"], "complaint 2"))

    assert posts(acme.departments["Service"], "complaint 1") == []


async def test_a_department_whose_channel_is_archived_leaves_its_complaints_to_people(
    slack: FakeSlack, acme: Place, start_bot
) -> None:
    await start_bot(acme)
    acme.author.archive(acme.departments["Service"])

    acme.author.post(acme.complaints[0], "complaint 1 for Service and Marketing")

    await slack.wait_for(lambda: posts(acme.review, "complaint 1"), "the report to the review channel")
    await slack.wait_for(lambda: posts(acme.departments["Marketing"], "complaint 1"))
    assert "is_archived" in acme.review.shown[0].shown_text


async def test_a_complaint_written_while_the_bot_was_down_for_hours_is_found_when_it_is_back(
    slack: FakeSlack, acme: Place, start_bot
) -> None:
    bot = await start_bot(acme)
    acme.author.post(acme.complaints[0], "complaint 1 for Service")
    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 1"))
    await bot.stop()
    missed = acme.author.post(acme.complaints[0], "complaint 2 for Marketing", deliver=False)
    acme.author.post(acme.complaints[0], "talk below it", thread=missed, deliver=False)

    await start_bot(acme)
    await slack.wait_for(lambda: posts(acme.departments["Marketing"], "complaint 2"), "the missed complaint")
    await asyncio.sleep(0.2)

    assert len(posts(acme.departments["Service"], "complaint 1")) == 1
    assert len(slack.journal.posts_in(acme.departments["Planning"].id)) == 0, "replies are no complaints"


async def test_routing_an_old_message_does_not_route_all_messages_since_then(
    slack: FakeSlack, acme: Place, start_bot
) -> None:
    channel = acme.complaints[0]
    old, talk = (acme.author.post(channel, f"complaint {number} for Service", deliver=False) for number in range(1, 3))
    written_before(channel, old, hours=40)
    written_before(channel, talk, hours=20)
    bot = await start_bot(acme)
    await acme.author.use_shortcut("route_complaint", old)
    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 1"))
    await bot.stop()
    acme.author.post(channel, "complaint 3 for Marketing", deliver=False)

    await start_bot(acme)
    await slack.wait_for(lambda: posts(acme.departments["Marketing"], "complaint 3"), "the missed complaint")
    await asyncio.sleep(0.2)

    assert posts(acme.departments["Service"], "complaint 2") == []


@pytest.mark.parametrize("slack", [600], indirect=True)  # the bot looks every ten minutes
async def test_a_complaint_that_slack_could_not_deliver_is_found_after_a_while(
    slack: FakeSlack, acme: Place, start_bot
) -> None:
    await start_bot(acme)
    acme.author.post(acme.complaints[0], "complaint 1 for Service")
    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 1"))

    acme.author.post(acme.complaints[0], "complaint 2 for Service", deliver=False)

    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 2"), "the complaint without an event")


async def test_the_next_bot_starts_before_the_last_one_ends(slack: FakeSlack, acme: Place, start_bot) -> None:
    last = await start_bot(acme)
    for number in range(5):
        acme.author.post(acme.complaints[0], f"complaint {number} for Service")
    await start_bot(acme)
    for number in range(5, 10):
        acme.author.post(acme.complaints[0], f"complaint {number} for Service")
    await last.stop()
    acme.author.post(acme.complaints[0], "complaint 10 for Service")

    notified = acme.departments["Service"]
    await slack.wait_for(lambda: posts(notified, "complaint 10 "), "the last of the complaints")
    await slack.wait_for(lambda: len(posts(notified, "complaint ")) >= 11, "all complaints")
    assert [len(posts(notified, f"complaint {number} ")) for number in range(11)] == [1] * 11


async def test_the_bot_starts_during_an_outage_of_slack(slack: FakeSlack, acme: Place, start_bot) -> None:
    for fault in (CallFault.HTML_503, CallFault.CUT_BEFORE, CallFault.RATE_LIMITED):
        slack.faults.fail_calls(fault)

    await start_bot(acme)
    acme.author.post(acme.complaints[0], "complaint 1 for Service")

    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 1"))


async def test_a_workspace_installs_the_bot_and_its_tokens_rotate(slack: FakeSlack, acme: Place, start_bot) -> None:
    slack.app.rotates_tokens = True
    bot = await start_bot(
        acme,
        mode="http",
        with_tokens=False,
        client_id=slack.app.client_id,
        client_secret=slack.app.client_secret,
        encryption_keys=(Fernet.generate_key().decode(),),
    )
    acme.author.post(acme.complaints[0], "complaint 1 for Service")

    page = await slack.install(acme.workspace, acme.author, f"http://127.0.0.1:{bot.transport.port}/slack/install")
    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 1"), "the complaint from before")
    acme.workspace.expire_token()
    acme.author.post(acme.complaints[0], "complaint 2 for Service")
    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 2"), "a post with a new token")

    assert page.status == 200
    assert [call.outcome for call in slack.journal.calls_of("oauth.v2.access")] == ["ok", "ok"]


async def test_complaints_wait_for_a_service_that_is_down(
    slack: FakeSlack, acme: Place, service: KeywordService, start_bot
) -> None:
    await start_bot(acme)
    service.refuses = True
    message = acme.author.post(acme.complaints[0], "complaint 1 for Service")
    await slack.wait_for(lambda: acme.complaints[0].thread(message.ts), "the note to the author that it takes longer")
    service.refuses = False

    await slack.wait_for(lambda: posts(acme.departments["Service"], "complaint 1"))
    await slack.wait_for(lambda: "Notified: Service" in acme.complaints[0].thread(message.ts)[0].shown_text)
