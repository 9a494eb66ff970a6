"""Departments are reminded of complaints that they have not taken, which are then escalated."""

from __future__ import annotations

from factories.bots import running_office
from foreword_slack.store import AcknowledgementState
from foreword_slack.views import complaint as view


def below(office, post, words: str) -> list[str]:
    return [note.shown_text for note in office.notes(post) if words in note.shown_text]


async def correct(office, post, label: str) -> None:
    await office.bob.click(post, view.WRONG)
    modal = await office.opened(office.bob)
    office.bob.fill(modal, "choice", label)
    await office.bob.submit(modal)


async def test_a_department_that_gets_a_complaint_back_is_notified_and_reminded_again(keyword_access, tmp_path):
    times = {"remind_after_minutes": 1, "escalate_after_minutes": 3}
    async with running_office(keyword_access, tmp_path, speed=60.0, acknowledgement=times) as office:
        office.ann.post(office.complaints, "The lid is missing, says Service")
        (post,) = await office.posted()
        await office.slack.wait_for(lambda: below(office, post, "has not taken"), "a reminder")

        await correct(office, post, "Marketing")
        (_, other) = await office.posted(2)
        await correct(office, other, "Service")

        await office.slack.wait_for(
            lambda: below(office, post, "This complaint is for your department again."), "the note that it came back"
        )
        await office.slack.wait_for(lambda: len(below(office, post, "has not taken")) == 2, "another reminder")
        await office.asked()
        assert office.department_posts() == [post, other]


async def test_a_complaint_of_a_department_that_is_no_longer_configured_goes_to_people(keyword_access, tmp_path):
    times = {"remind_after_minutes": 4, "escalate_after_minutes": 8}
    async with running_office(keyword_access, tmp_path, speed=60.0, acknowledgement=times) as office:
        message = office.ann.post(office.complaints, "The lid is missing, says Service")
        (post,) = await office.posted()
        config = office.bot.config
        await office.bot.stop()
        (team,) = config.teams
        left = tuple(department for department in team.departments if department.label != "Service")
        team = team.model_copy(update={"departments": left})
        bot = await office.restart(config.model_copy(update={"teams": (team,)}), keyword_access)

        await office.slack.clock.sleep(240)
        (escalated,) = await office.asked()

        assert "Service has not taken this complaint in time" in escalated.shown_text
        assert office.notes(post) == []
        (part,) = await bot.store.read(
            office.workspace.id, lambda uow: uow.acknowledgements.of(f"{message.channel_id}:{message.ts}")
        )
        assert part.state is AcknowledgementState.ESCALATED
