"""Edits and deletions of complaints at any moment are shown in all their posts."""

from __future__ import annotations

from factories.bots import running_office
from factories.slack import written_before
from factories.waiting import eventually
from foreword_slack.store import ComplaintState, complaint_id
from foreword_slack.views import complaint as view

DOUBTS = {"thresholds": {"probability": 0.5, "margin": 0.2}}


async def stored(office, message):
    id = complaint_id(message.channel_id, message.ts)
    return await office.bot.store.read(office.workspace.id, lambda uow: uow.complaints.get(id))


async def test_a_complaint_deleted_while_it_waits_for_the_service_reaches_nobody(keyword_access, service, tmp_path):
    async with running_office(keyword_access, tmp_path, timers={"tell_waiting_after_seconds": 1}) as office:
        service.refuses = True
        message = office.ann.post(office.complaints, "My password is hunter2, says Service")
        note = await office.noted(message, "taking longer than usual")

        office.ann.delete(message)
        await office.slack.wait_for(lambda: "deleted" in note.shown_text, "word that it was deleted")
        service.refuses = False
        await office.handled()

        assert office.department_posts() == []
        assert office.review_posts() == []
        complaint = await stored(office, message)
        assert (complaint.state, complaint.text) == (ComplaintState.DELETED, "")


async def test_a_complaint_deleted_while_the_model_reads_it_reaches_nobody(keyword_access, service, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        service.answers.clear()
        message = office.ann.post(office.complaints, "My password is hunter2, says Service")
        await eventually(lambda: service.asked)

        office.ann.delete(message)
        await office.slack.settle()
        service.answers.set()
        await office.handled()

        assert office.department_posts() == []
        assert (await stored(office, message)).state is ComplaintState.DELETED


async def test_the_model_classifies_the_text_as_edited_meanwhile(keyword_access, service, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        service.refuses = True
        waits = office.ann.post(office.complaints, "It is about Planning")
        await office.slack.settle()
        office.ann.edit(waits, "It is about Warehouse")
        await office.slack.settle()
        service.refuses = False
        await office.noted(waits, "Notified: Warehouse")

        service.asked = 0
        service.answers.clear()
        read = office.ann.post(office.complaints, "Another about Planning")
        await eventually(lambda: service.asked)
        office.ann.edit(read, "Another about Marketing")
        await office.slack.settle()
        service.answers.set()
        await office.noted(read, "Notified: Marketing")
        await office.handled()

        assert [post.channel_id for post in office.department_posts()] == [
            office.departments[label].id for label in ("Warehouse", "Marketing")
        ]
        assert not any("Planning" in post.shown_text for post in office.department_posts())


async def test_the_deletion_of_a_message_older_than_the_bot_leaves_nothing(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        message = office.ann.post(office.complaints, "Long forgotten", deliver=False)
        written_before(office.complaints, message, hours=30)

        office.ann.delete(message)
        await office.handled()

        assert await stored(office, message) is None


async def test_an_edit_of_only_personal_data_reaches_the_department(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        message = office.ann.post(office.complaints, "Call 555-123-4567, it is about Service")
        (post,) = await office.posted()

        office.ann.edit(message, "Call 555-999-8888, it is about Service")

        await office.slack.wait_for(lambda: "555-999-8888" in post.shown_text)
        assert (await stored(office, message)).text == "Call [phone number], it is about Service"


async def test_who_took_a_complaint_is_still_shown_when_it_is_edited(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        message = office.ann.post(office.complaints, "It is about Service")
        (post,) = await office.posted()
        await office.bob.click(post, view.TAKE)
        await office.slack.wait_for(lambda: "Taken by bob." in post.shown_text)

        office.ann.edit(message, "It is still about Service")

        await office.slack.wait_for(lambda: "It is still" in post.shown_text)
        assert "Taken by bob." in post.shown_text


async def test_a_decided_complaint_is_edited_and_deleted_in_the_review_channel_too(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, **DOUBTS) as office:
        message = office.ann.post(office.complaints, "Call 555-123-4567, unsure about Service")
        (asked,) = await office.asked()
        await office.bob.choose(asked, view.CHOOSE, "Marketing")
        await office.bob.click(asked, view.DECIDE)
        await office.slack.wait_for(lambda: "bob decided: Marketing." in asked.shown_text)

        office.ann.edit(message, "Call 555-999-8888, unsure about Service")
        await office.slack.wait_for(lambda: "555-999-8888" in asked.shown_text)
        assert "bob decided: Marketing." in asked.shown_text

        office.ann.delete(message)
        await office.slack.wait_for(lambda: "deleted this complaint" in asked.shown_text)
        assert "555-" not in asked.shown_text


async def test_a_department_sees_the_correction_and_deletion_of_its_former_complaint(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        message = office.ann.post(office.complaints, "It is about Service")
        (post,) = await office.posted()
        await office.bob.click(post, view.WRONG)
        modal = await office.opened(office.bob)
        office.bob.fill(modal, "choice", "Marketing")
        await office.bob.submit(modal)
        await office.slack.wait_for(lambda: "bob corrected this: it is for Marketing." in post.shown_text)

        office.ann.edit(message, "It is about the Service contract")
        await office.slack.wait_for(lambda: "the Service contract" in post.shown_text)
        assert "bob corrected this: it is for Marketing." in post.shown_text

        office.ann.delete(message)
        await office.slack.wait_for(lambda: "deleted this complaint" in post.shown_text)


async def test_a_repeat_is_edited_and_deleted_below_the_first_complaint(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, duplicates={"window_minutes": 60}) as office:
        first = office.ann.post(office.complaints, "The lamp for Service flickers all day long")
        await office.noted(first, "Notified: ")
        message = office.bob.post(office.complaints, "The lamp for Service flickers all day long")
        note = await office.noted(message, "reported already")
        (post,) = office.department_posts()
        await office.slack.wait_for(lambda: office.notes(post), "the repeat below the post")
        (repeat,) = office.notes(post)

        office.bob.edit(message, "The lamp for Service is dark all day long")
        await office.slack.wait_for(lambda: "is dark" in repeat.shown_text)
        office.bob.delete(message)
        await office.slack.wait_for(lambda: "deleted this complaint" in repeat.shown_text)
        await office.slack.wait_for(lambda: "was deleted" in note.shown_text)
        assert "deleted" not in post.shown_text


async def test_an_escalation_follows_its_complaint(keyword_access, tmp_path):
    times = {"remind_after_minutes": 0.5, "escalate_after_minutes": 1}
    async with running_office(keyword_access, tmp_path, speed=30.0, acknowledgement=times) as office:
        message = office.ann.post(office.complaints, "It is about Service")
        (escalated,) = await office.asked()

        office.ann.edit(message, "It is about the Service contract")
        await office.slack.wait_for(lambda: "the Service contract" in escalated.shown_text)
        office.ann.delete(message)

        await office.slack.wait_for(lambda: "deleted this complaint" in escalated.shown_text)
        assert "Service has not taken this complaint in time." in escalated.shown_text


async def test_the_report_of_an_undelivered_complaint_follows_the_complaint(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        office.boss.archive(office.departments["Service"])
        message = office.ann.post(office.complaints, "It is about Service")
        (undelivered,) = await office.asked()

        office.ann.edit(message, "It is about the Service contract")
        await office.slack.wait_for(lambda: "the Service contract" in undelivered.shown_text)
        assert "Service could not be notified: its channel refused the post (is_archived)." in undelivered.shown_text

        office.ann.delete(message)
        await office.slack.wait_for(lambda: "deleted this complaint" in undelivered.shown_text)


async def test_a_complaint_in_a_thread_is_edited_and_other_talk_there_is_not_one(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path) as office:
        lobby = office.workspace.add_channel("lobby", office.ann, office.bob)
        talk = office.bob.post(lobby, "Good morning")
        bot = f"<@{office.workspace.bot.id}>"
        reply = office.ann.post(lobby, f"{bot} It is about Service", thread=talk)
        (post,) = await office.posted()
        first = office.ann.post(office.complaints, "It is about Marketing")
        aside = office.bob.post(office.complaints, "So what", thread=first)

        office.ann.edit(reply, f"{bot} It is about the Service contract")
        await office.slack.wait_for(lambda: "the Service contract" in post.shown_text)
        office.ann.delete(reply)
        await office.slack.wait_for(lambda: "deleted this complaint" in post.shown_text)
        office.bob.edit(aside, "So what about Service")
        await office.handled()

        assert await stored(office, aside) is None
        assert len(office.department_posts()) == 2
