"""Duplicates are added to the posts of their original, and are never lost with it."""

from __future__ import annotations

from factories.bots import running_office
from factories.waiting import eventually
from foreword_slack.views import complaint as view

COMPLAINT = "The lamp for Service flickers all day long"
WINDOW = {"duplicates": {"window_minutes": 60}}
DOUBTS = {"thresholds": {"probability": 0.5, "margin": 0.2}}


async def test_of_two_equal_concurrent_complaints_one_is_posted(keyword_access, service, tmp_path):
    async with running_office(keyword_access, tmp_path, **WINDOW) as office:
        service.answers.clear()
        messages = [person.post(office.complaints, COMPLAINT) for person in (office.ann, office.bob)]
        await eventually(lambda: service.asked == 2)

        service.answers.set()
        await office.handled()

        (post,) = office.department_posts()
        (repeat,) = office.notes(post)
        assert "reported again" in repeat.shown_text
        notes = sorted(office.notes(message)[0].shown_text for message in messages)
        assert notes == [
            "Notified: Service.",
            "This was reported already and has been added to the earlier complaint.",
        ]


async def test_a_duplicate_of_a_complaint_for_no_department_is_sent_to_review_again(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, **WINDOW, **DOUBTS) as office:
        first = office.ann.post(office.complaints, f"{COMPLAINT}, unsure")
        (asked,) = await office.asked()
        await office.bob.click(asked, view.DISMISS)
        await office.noted(first, "for no department")

        again = office.ann.post(office.complaints, f"{COMPLAINT}, unsure")

        await office.asked(2)
        await office.noted(again, "A person will decide")


async def test_a_duplicate_of_a_refused_complaint_is_routed_itself(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, **WINDOW) as office:
        service = office.departments["Service"]
        office.boss.archive(service)
        office.ann.post(office.complaints, COMPLAINT)
        await office.asked()
        office.boss.unarchive(service)

        again = office.bob.post(office.complaints, COMPLAINT)

        (post,) = await office.posted()
        assert COMPLAINT in post.shown_text
        await office.noted(again, "Notified: Service")


async def test_a_repeat_whose_original_is_refused_later_goes_to_people(keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, **WINDOW) as office:
        await office.bot.outbox.stop()
        office.ann.post(office.complaints, COMPLAINT)
        await eventually(lambda: office.bot.inbox.counts["handled"] == 1)
        again = office.bob.post(office.complaints, COMPLAINT)
        await eventually(lambda: office.bot.inbox.counts["handled"] == 2)
        office.boss.archive(office.departments["Service"])

        office.bot.outbox.start()

        await office.noted(again, "A person will decide")
        asked = next(
            post for post in await office.asked(2) if "Which departments should handle this?" in post.shown_text
        )
        assert "This repeats an earlier complaint, but could not be added to its posts" in asked.shown_text
        await office.bob.choose(asked, view.CHOOSE, "Marketing")
        await office.bob.click(asked, view.DECIDE)
        (post,) = await office.posted()
        assert COMPLAINT in post.shown_text
