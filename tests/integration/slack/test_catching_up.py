"""What people wrote, edited and deleted while no bot was running is made up for at the next start."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from factories.bots import running_office
from factories.slack import written_before
from foreword_slack.store import ComplaintState
from foreword_slack.testing import EVENTS


async def away(office):
    """Stop the bot. Slack sends it nothing from now on, as if it had given up all deliveries."""
    await office.handled()
    await office.bot.stop()
    office.slack.app.events = frozenset()


async def back(office, access):
    office.slack.app.events = EVENTS
    await office.restart(office.bot.config, access)


async def state_of(office, message):
    id = f"{message.channel_id}:{message.ts}"
    complaint = await office.bot.store.read(office.workspace.id, lambda uow: uow.complaints.get(id))
    return complaint and complaint.state


async def test_edits_and_deletions_are_mirrored_after_the_bot_was_away(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, speed=100.0) as office:
        edited = office.ann.post(office.complaints, "It is about Service")
        deleted = office.ann.post(office.complaints, "My secret is about Planning")
        answered = office.ann.post(office.complaints, "My shame is about Marketing")
        untouched = office.ann.post(office.complaints, "It is about Warehouse")
        await office.posted(4)
        await office.slack.clock.sleep(70)  # a message is missed in the history only after a minute
        await away(office)

        office.ann.edit(edited, "It is about the Service contract")
        office.ann.delete(deleted)
        office.bob.post(office.complaints, "I have that, too", thread=answered)
        office.ann.delete(answered)  # leaves a tombstone
        written = office.ann.post(office.complaints, "One more about Service")
        await back(office, keyword_access)

        posts = {post.channel_id: post for post in office.department_posts()}
        service, planning, marketing, warehouse = (
            posts[office.departments[label].id] for label in ("Service", "Planning", "Marketing", "Warehouse")
        )
        await office.slack.wait_for(lambda: "the Service contract" in service.shown_text)
        for post in (planning, marketing):
            await office.slack.wait_for(lambda post=post: "deleted this complaint" in post.shown_text)
        await office.noted(written, "Notified: Service")
        await office.handled()
        assert await state_of(office, untouched) is ComplaintState.ROUTED
        assert "deleted" not in warehouse.shown_text
        assert len(office.department_posts()) == 5


async def test_a_complaint_of_yesterday_is_looked_at_once_and_one_in_a_thread_is_not_missed(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, speed=100.0) as office:
        old = office.ann.post(office.complaints, "It is about Planning", deliver=False)
        written_before(office.complaints, old, hours=20)
        office.ann.deliver(old)
        (post,) = await office.posted(1)
        talk = office.bob.post(office.complaints, "It is about Warehouse")
        reply = office.ann.post(office.complaints, f"<@{office.workspace.bot.id}> it is about Service", thread=talk)
        await office.posted(3)
        await received_before(office, old, hours=20)
        await office.slack.clock.sleep(70)
        await away(office)

        office.ann.delete(old)
        await back(office, keyword_access)

        await office.slack.wait_for(lambda: "deleted this complaint" in post.shown_text)
        await office.handled()
        assert await state_of(office, reply) is ComplaintState.ROUTED


async def received_before(office, message, hours):
    def change(uow):
        complaint = uow.complaints.get(f"{message.channel_id}:{message.ts}")
        uow.complaints.save(replace(complaint, receive_time=complaint.receive_time - timedelta(hours=hours)))

    await office.bot.store.write(office.workspace.id, change)


async def test_an_edit_that_was_delivered_is_not_handled_again(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, speed=100.0) as office:
        message = office.ann.post(office.complaints, "It is about Service")
        (post,) = await office.posted()
        office.ann.edit(message, "It is about the Service contract")
        await office.slack.wait_for(lambda: "the Service contract" in post.shown_text)
        await away(office)
        revisions = post.revisions

        await back(office, keyword_access)
        await office.slack.wait_for(
            lambda: any(call.method == "conversations.history" for call in office.slack.journal.calls)
        )
        await office.handled()

        assert post.revisions == revisions
        lines = await office.bot.store.read(office.workspace.id, lambda uow: uow.audit.lines(limit=100))
        assert [line.action for line in lines].count("edited") == 1
