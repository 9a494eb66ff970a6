"""Clocks, duplicates, the App Home and the settings."""

from __future__ import annotations

from factories.bots import running_office
from foreword_slack.views import complaint as view

COMPLAINT = "Two screws are missing from the box, and the manual is torn."
AGAIN = "two screws are missing from the box and the manual is torn!"


async def test_a_complaint_that_nobody_takes_is_reminded_of_and_escalated(access, tmp_path):
    times = {"remind_after_minutes": 1, "escalate_after_minutes": 2}
    async with running_office(access, tmp_path, speed=60.0, acknowledgement=times) as office:
        office.ann.post(office.complaints, COMPLAINT)
        (post, *_) = await office.posted()

        await office.slack.wait_for(lambda: office.notes(post), "a reminder below the post")
        (escalated, *_) = await office.asked()

        assert "has not taken this complaint yet" in office.notes(post)[0].shown_text
        assert "has not taken this complaint in time" in escalated.shown_text


async def test_a_complaint_that_was_taken_stops_the_clock(access, tmp_path):
    times = {"remind_after_minutes": 0.2, "escalate_after_minutes": 0.3}
    async with running_office(access, tmp_path, acknowledgement=times) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        for post in await office.posted():
            await office.bob.click(post, view.TAKE)
        await office.noted(message, "(taken)")

        await office.slack.clock.sleep(16)
        await office.handled()

        assert [note for post in office.department_posts() for note in office.notes(post)] == []
        assert office.review_posts() == []


async def test_a_complaint_that_repeats_another_is_threaded_below_it(access, tmp_path):
    async with running_office(access, tmp_path, duplicates={"window_minutes": 60}) as office:
        first = office.ann.post(office.complaints, COMPLAINT)
        await office.noted(first, "Notified: ")
        count = len(office.department_posts())

        again = office.bob.post(office.complaints, AGAIN)
        other = office.bob.post(office.complaints, "The invoice shows another address than mine.")

        await office.noted(again, "reported already")
        await office.noted(other, "Notified: ")
        (repeat,) = office.notes(office.department_posts()[0])
        assert AGAIN in repeat.shown_text
        assert not any(AGAIN in post.shown_text for post in office.department_posts())
        await office.posted(count + 1)


async def test_the_app_home_counts_the_day_and_shows_the_mapping(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        await office.noted(message, "Notified: ")

        office.ann.open_home()
        await office.slack.wait_for(lambda: office.ann.home, "the App Home")

        shown = str(office.ann.home.content["blocks"])
        assert "Complaints today (UTC)" in shown
        assert "*1* received · *1* routed" in shown
        assert office.departments["Service"].id in shown
        assert "Administrators of the bot can change these settings" in shown


async def test_administrators_change_channels_and_thresholds_in_a_modal(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        everywhere = office.workspace.add_channel("everywhere", office.boss)
        office.boss.open_home()
        await office.slack.wait_for(lambda: office.boss.home, "the App Home")

        await office.boss.click(office.boss.home, "open_settings")
        modal = await office.opened(office.boss)
        for number in range(len(office.departments)):
            office.boss.fill(modal, f"channel:{number}", everywhere.id)
            office.boss.fill(modal, f"threshold:{number}", "1")
        await office.boss.submit(modal)
        office.ann.post(office.complaints, COMPLAINT)

        await office.slack.wait_for(lambda: office.slack.journal.posts_in(everywhere.id), "a post in the new channel")
        audit = await office.bot.store.read(office.workspace.id, lambda uow: uow.audit.lines(limit=100))
        assert next(line.actor for line in audit if line.action == "settings_changed") == office.boss.id


async def test_invalid_settings_are_refused_in_the_modal(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        office.boss.open_home()
        await office.slack.wait_for(lambda: office.boss.home, "the App Home")
        await office.boss.click(office.boss.home, "open_settings")
        modal = await office.opened(office.boss)

        office.boss.fill(modal, "threshold:0", "many")
        office.boss.fill(modal, "channel:1", office.complaints.id)
        answer = await office.boss.submit(modal)

        assert answer.errors == {
            "threshold:0": "Enter a number from 0 to 100.",
            "channel:1": "In a complaint channel, discussions would be routed as complaints. Choose another one.",
        }
