"""Authors edit and delete their complaints, at any moment; what others read follows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from factories.bots import Access, running_office
from factories.keyword_service import KeywordService
from factories.slack import eventually, written_before
from foreword_slack.store import ComplaintState, complaint_id


@pytest.fixture
async def service() -> AsyncIterator[KeywordService]:
    async with KeywordService() as running:
        yield running


@pytest.fixture
def access(service: KeywordService) -> Access:
    return Access(endpoint=service.endpoint, tenant="dev", key="dev")


async def stored(office, message):
    id = complaint_id(message.channel_id, message.ts)
    return await office.bot.store.read(office.workspace.id, lambda uow: uow.complaints.get(id))


async def test_a_complaint_deleted_while_it_waits_for_the_service_reaches_nobody(access, service, tmp_path):
    async with running_office(access, tmp_path, timers={"tell_waiting_after_seconds": 1}) as office:
        service.refuses = True
        message = office.ann.post(office.complaints, "My password is hunter2, says Service")
        note = await office.noted(message, "taking longer than usual")

        office.ann.delete(message)
        await office.slack.wait_for(lambda: "deleted" in note.shown_text, "word that it was deleted", wall_seconds=20)
        service.refuses = False
        await office.handled()

        assert office.department_posts() == []
        assert office.review_posts() == []
        complaint = await stored(office, message)
        assert (complaint.state, complaint.text) == (ComplaintState.DELETED, "")


async def test_a_complaint_deleted_while_the_model_reads_it_reaches_nobody(access, service, tmp_path):
    async with running_office(access, tmp_path) as office:
        service.answers.clear()
        message = office.ann.post(office.complaints, "My password is hunter2, says Service")
        await eventually(lambda: service.asked)

        office.ann.delete(message)
        await office.slack.settle()
        service.answers.set()
        await office.handled()

        assert office.department_posts() == []
        assert (await stored(office, message)).state is ComplaintState.DELETED


async def test_the_model_is_asked_for_the_words_that_the_author_has_edited_meanwhile(access, service, tmp_path):
    async with running_office(access, tmp_path) as office:
        service.refuses = True
        waits = office.ann.post(office.complaints, "It is about Planning")
        await office.slack.settle()
        office.ann.edit(waits, "It is about Warehouse")
        await office.slack.settle()
        service.refuses = False
        await office.noted(waits, "Told: Warehouse")

        service.asked = 0
        service.answers.clear()
        read = office.ann.post(office.complaints, "Another about Planning")
        await eventually(lambda: service.asked)
        office.ann.edit(read, "Another about Marketing")
        await office.slack.settle()
        service.answers.set()
        await office.noted(read, "Told: Marketing")
        await office.handled()

        assert [post.channel_id for post in office.department_posts()] == [
            office.departments[label].id for label in ("Warehouse", "Marketing")
        ]
        assert not any("Planning" in post.shown_text for post in office.department_posts())


async def test_the_deletion_of_a_message_from_before_the_bot_came_leaves_nothing(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, "Long forgotten", deliver=False)
        written_before(office.complaints, message, hours=30)

        office.ann.delete(message)
        await office.handled()

        assert await stored(office, message) is None


async def test_an_edit_of_personal_data_alone_reaches_those_who_need_it(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, "Call 555-123-4567, it is about Service")
        (post,) = await office.posted()

        office.ann.edit(message, "Call 555-999-8888, it is about Service")

        await office.slack.wait_for(lambda: "555-999-8888" in post.shown_text)
        assert (await stored(office, message)).text == "Call [phone number], it is about Service"
