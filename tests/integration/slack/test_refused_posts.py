"""Refused posts are reported, and sent with their current content when an operator retries them."""

from __future__ import annotations

import aiohttp

from factories.bots import running_office
from foreword_slack.console import retry_lines
from foreword_slack.health import HealthServer
from foreword_slack.testing import FaultPlan
from foreword_slack.views import complaint as view


async def retry(office) -> None:
    """Retry what was given up, as an operator would."""
    await retry_lines(office.bot.store, None)
    office.bot.outbox.wake(office.workspace.id)
    await office.handled()


def direct_messages(office, person) -> list:
    channel = office.workspace.team.direct_channel(person.id)
    return [] if channel is None else office.slack.journal.posts_in(channel.id)


async def readiness(office) -> dict:
    """Return the answer to the operator's probe."""
    bot = office.bot
    server = HealthServer(bot.store, ready=lambda: bot.readiness, metrics=lambda _: "", port=0)
    await server.start()
    try:
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{server.port}/readyz") as answer:
            assert answer.status == 200
            return await answer.json()
    finally:
        await server.stop()


async def test_a_complaint_deleted_after_its_post_was_refused_is_not_sent_again(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        channel = office.departments["Service"]
        office.boss.archive(channel)
        message = office.ann.post(office.complaints, "Secret 4711, says Service")
        await office.asked()
        office.ann.delete(message)
        await office.handled()

        office.boss.unarchive(channel)
        await retry(office)

        assert office.department_posts() == []


async def test_a_retried_post_has_the_last_edit_of_its_author(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        channel = office.departments["Service"]
        office.boss.archive(channel)
        message = office.ann.post(office.complaints, "Two screws are missing, says Service")
        await office.asked()
        office.ann.edit(message, "Three screws are missing, says Service")
        await office.handled()

        office.boss.unarchive(channel)
        await retry(office)

        (post,) = office.department_posts()
        assert "Three screws" in post.shown_text


async def test_a_complaint_rerouted_after_its_post_was_refused_is_not_sent_again(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        channel = office.departments["Service"]
        office.boss.archive(channel)
        office.ann.post(office.complaints, "This is for Marketing and for Service")
        await office.asked()
        (post,) = await office.posted()
        await office.bob.click(post, view.WRONG)
        modal = await office.opened(office.bob)
        office.bob.fill(modal, "choice", "Marketing")
        await office.bob.submit(modal)
        await office.handled()

        office.boss.unarchive(channel)
        await retry(office)

        assert office.department_posts() == [post]


async def test_a_review_channel_that_refuses_posts_is_reported_to_administrators_authors_and_the_operator(
    keyword_access, tmp_path, capsys
):
    async with running_office(keyword_access, tmp_path, thresholds={"probability": 1.0}) as office:
        office.boss.archive(office.review)
        message = office.ann.post(office.complaints, "My lid is missing, says Service")
        other = office.ann.post(office.complaints, "My box is torn, says Service")

        note = await office.noted(message, "the review channel could not be notified")
        await office.noted(other, "the review channel could not be notified")
        await office.handled()

        assert "Ask an administrator of the bot" in note.shown_text
        (direct,) = direct_messages(office, office.boss)
        assert f"<#{office.review.id}> refuses posts of the bot (is_archived)" in direct.shown_text
        assert "lid" not in direct.shown_text
        assert direct_messages(office, office.ann) == []
        refused = {"team": office.workspace.id, "channel": office.review.id, "reason": "is_archived", "posts": 2}
        assert await readiness(office) == {"status": "ready", "reason": "", "down": {}, "refused": [refused]}
        assert capsys.readouterr().out.count("nobody_notified") == 2

        office.boss.unarchive(office.review)
        await retry(office)

        await office.noted(message, "A person will decide")
        assert len(office.review_posts()) == 2
        assert (await readiness(office))["refused"] == []


async def test_an_author_is_informed_which_department_could_not_be_notified(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        office.boss.archive(office.departments["Service"])
        message = office.ann.post(office.complaints, "This is for Marketing and for Service")

        note = await office.noted(message, "Could not be notified: Service. The review channel has been informed.")
        assert "Notified: Marketing." in note.shown_text
        assert direct_messages(office, office.boss) == []

        office.boss.unarchive(office.departments["Service"])
        await retry(office)
        await office.noted(message, "Notified: Service, Marketing.")


async def test_an_undelivered_complaint_that_cannot_be_reported_to_review_is_reported_to_administrators(
    keyword_access, tmp_path
):
    async with running_office(keyword_access, tmp_path) as office:
        office.boss.archive(office.departments["Service"])
        office.boss.archive(office.review)
        message = office.ann.post(office.complaints, "The lid is missing, says Service")

        await office.noted(message, "Could not be notified: Service. Ask an administrator of the bot for help.")
        await office.handled()
        assert len(direct_messages(office, office.boss)) == 1


async def test_an_undelivered_escalation_is_reported_to_author_and_administrators(keyword_access, tmp_path):
    times = {"remind_after_minutes": 0.1, "escalate_after_minutes": 0.2}
    async with running_office(keyword_access, tmp_path, acknowledgement=times) as office:
        office.boss.archive(office.review)
        message = office.ann.post(office.complaints, "The lid is missing, says Service")

        note = await office.noted(message, "Not taken in time, and the escalation could not be delivered: Service.")
        assert "Notified: Service." in note.shown_text
        await office.slack.wait_for(lambda: direct_messages(office, office.boss), "word to an administrator")


async def test_the_refused_post_of_a_deleted_complaint_is_not_reported(keyword_access, tmp_path):
    plan = FaultPlan()
    async with running_office(keyword_access, tmp_path, faults=plan, thresholds={"probability": 1.0}) as office:
        plan.fail_calls("service_unavailable", method="chat.postMessage", times=5, channel=office.review.id)
        plan.fail_calls("is_archived", method="chat.postMessage", channel=office.review.id)
        message = office.ann.post(office.complaints, "My lid is missing, says Service")
        await office.noted(message, "A person will decide")
        tries = office.slack.journal.calls_of
        await office.slack.wait_for(lambda: any(call.outcome != "ok" for call in tries("chat.postMessage")))

        office.ann.delete(message)
        await office.slack.wait_for(lambda: any(call.outcome == "is_archived" for call in tries("chat.postMessage")))
        await retry(office)

        assert office.review_posts() == []
        assert direct_messages(office, office.boss) == []
