"""What Slack refuses to take: who hears of it, and what is sent when somebody has it sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from factories.bots import Access, running_office
from factories.keyword_service import KeywordService
from foreword_slack.console import retry_lines
from foreword_slack.views import complaint as view


@pytest.fixture
async def access() -> AsyncIterator[Access]:
    async with KeywordService() as service:
        yield Access(endpoint=service.endpoint, tenant="dev", key="dev")


async def retry(office) -> None:
    """Has what was given up sent again, as an operator would."""
    await retry_lines(office.bot.store, None)
    office.bot.outbox.wake(office.workspace.id)
    await office.handled()


async def test_a_complaint_deleted_after_its_post_was_refused_is_not_sent_again(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        channel = office.departments["Service"]
        office.boss.archive(channel)
        message = office.ann.post(office.complaints, "Secret 4711, says Service")
        await office.asked()
        office.ann.delete(message)
        await office.handled()

        office.boss.unarchive(channel)
        await retry(office)

        assert office.department_posts() == []


async def test_a_post_that_is_sent_again_has_what_its_author_wrote_last(access, tmp_path):
    async with running_office(access, tmp_path) as office:
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


async def test_a_complaint_corrected_away_after_its_post_was_refused_is_not_sent_again(access, tmp_path):
    async with running_office(access, tmp_path) as office:
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
