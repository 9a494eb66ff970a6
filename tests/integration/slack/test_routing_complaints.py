"""A complaint goes through the whole bot: Slack, inbox, model, decision, outbox, Slack."""

from __future__ import annotations

import pytest

from factories.bots import model_says, running_office
from factories.logs import captured_logs
from foreword_slack.hooks import Hooks, hookimpl
from foreword_slack.store import ComplaintState
from foreword_slack.views import complaint as view

COMPLAINT = "Two screws are missing from the box, and the manual is torn."
UNSURE = {"thresholds": {"probability": 1.0, "margin": 0.0}}


async def test_a_complaint_reaches_its_departments_and_its_author_is_notified(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)

        expected = model_says(access, COMPLAINT)
        posts = await office.posted(len(expected))

        assert {post.channel_id for post in posts} == {office.departments[label].id for label in expected}
        assert COMPLAINT in posts[0].shown_text
        assert "model " in posts[0].shown_text
        assert "%" in posts[0].shown_text
        assert message.ts.replace(".", "") in posts[0].shown_text
        assert not posts[0].unfurls
        note = await office.noted(message, "Notified: ")
        assert all(label in note.shown_text for label in expected)


async def test_a_model_without_a_calibration_routes_by_its_probabilities_although_a_precision_is_wanted(
    access, tmp_path
):
    with captured_logs() as logs:
        async with running_office(access, tmp_path, thresholds={"min_precision": 0.9}) as office:
            office.ann.post(office.complaints, COMPLAINT)

            assert await office.posted(len(model_says(access, COMPLAINT)))

    (warning,) = [entry for entry in logs if entry["event"] == "model_uncalibrated"]
    assert "/tunedModels/" in warning["model"]


async def test_a_doubtful_answer_goes_to_people_with_the_guess_chosen(access, tmp_path):
    async with running_office(access, tmp_path, **UNSURE) as office:
        message = office.ann.post(office.complaints, COMPLAINT)

        (asked,) = await office.asked()

        assert office.department_posts() == []
        _, menu = asked.find_element(view.CHOOSE)
        guessed = {option["value"] for option in menu["initial_options"]}
        assert guessed == set(model_says(access, COMPLAINT))
        assert "the minimum is 100%" in asked.shown_text
        await office.noted(message, "A person will decide")


async def test_people_decide_and_the_departments_they_chose_are_notified(access, tmp_path):
    async with running_office(access, tmp_path, **UNSURE) as office:
        message = office.ann.post(office.complaints, "Call me at 555-123-4567 about the shelf.")
        (asked,) = await office.asked()

        await office.bob.choose(asked, view.CHOOSE, "Warehouse", "Marketing")
        await office.bob.click(asked, view.DECIDE)
        posts = await office.posted(2)

        assert {post.channel_id for post in posts} == {office.departments[x].id for x in ("Warehouse", "Marketing")}
        assert all("555-123-4567" in post.shown_text for post in posts), "those who act on it read the original"
        await office.noted(message, "Notified: Warehouse, Marketing")
        await office.slack.wait_for(lambda: "bob decided" in asked.shown_text)
        correction = (await office.bot.store.read(office.workspace.id, lambda uow: uow.corrections.all()))[0]
        assert correction.input == "Call me at [phone number] about the shelf."
        assert set(correction.corrected) == {"Warehouse", "Marketing"}
        assert correction.actor == office.bob.id


async def test_a_decision_without_a_selection_asks_for_one(access, tmp_path):
    async with running_office(access, tmp_path, **UNSURE) as office:
        office.ann.post(office.complaints, COMPLAINT)
        (asked,) = await office.asked()

        await office.bob.choose(asked, view.CHOOSE)
        await office.bob.click(asked, view.DECIDE)

        await office.slack.wait_for(lambda: office.bob.ephemerals(office.review))
        assert "Select departments first" in office.bob.ephemerals(office.review)[0].shown_text


async def test_a_complaint_for_no_department_is_dismissed(access, tmp_path):
    async with running_office(access, tmp_path, **UNSURE) as office:
        message = office.ann.post(office.complaints, "Good morning everybody!")
        (asked,) = await office.asked()

        await office.bob.click(asked, view.DISMISS)

        await office.noted(message, "for no department")
        assert office.department_posts() == []


async def test_the_person_who_takes_a_complaint_is_shown_and_its_text_stays(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, "Mail ann@example.com about the broken <lid>")
        (post, *_) = await office.posted()

        await office.bob.click(post, view.TAKE)

        await office.slack.wait_for(lambda: "Taken by bob" in post.shown_text)
        assert "ann@example.com about the broken" in post.shown_text
        with pytest.raises(LookupError):
            post.find_element(view.TAKE)
        await office.noted(message, "(taken)")


async def test_a_correction_reroutes_a_complaint_and_keeps_the_answer_of_the_model(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        said = model_says(access, COMPLAINT)
        posts = await office.posted(len(said))
        right = next(label for label in office.departments if label not in said)

        await office.bob.click(posts[0], view.WRONG)
        modal = await office.opened(office.bob)
        office.bob.fill(modal, "choice", right)
        await office.bob.submit(modal)

        await office.slack.wait_for(lambda: len(office.department_posts()) == len(said) + 1)
        moved = office.department_posts()[-1]
        assert moved.channel_id == office.departments[right].id
        assert COMPLAINT in moved.shown_text
        await office.slack.wait_for(lambda: all("bob corrected this" in post.shown_text for post in posts))
        await office.noted(message, f"Notified: {right}. A person corrected the departments.")
        stored, corrections, audit = await office.bot.store.read(
            office.workspace.id,
            lambda uow: (uow.complaints.latest()[0], uow.corrections.unused(), uow.audit.lines(limit=1000)),
        )
        assert tuple(stored.guess) == said
        assert tuple(stored.departments) == (right,)
        assert tuple(corrections[0].said) == said
        assert corrections[0].model
        line = next(line for line in audit if line.action == "corrected")
        assert (line.actor, line.facts["said"], line.facts["departments"]) == (office.bob.id, list(said), [right])


async def test_edits_are_mirrored_and_a_deletion_is_marked(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        (post, *_) = await office.posted()

        office.ann.edit(message, "Three screws are missing.")
        await office.slack.wait_for(lambda: "Three screws" in post.shown_text)
        assert "Edited by the author" in post.shown_text
        assert post.parse == "none", "an edit is no more searched for names than the post was"

        office.ann.delete(message)
        await office.slack.wait_for(lambda: "deleted this complaint" in post.shown_text)


async def test_a_click_on_an_outdated_post_does_not_restore_its_text(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, "My number is 555-123-4567.")
        (post, *_) = await office.posted()
        old = [dict(block) for block in post.blocks]
        office.ann.edit(message, "Forget my number.")
        await office.slack.wait_for(lambda: "Forget my number" in post.shown_text)
        post.blocks, new = old, post.blocks

        click = office.bob.click(post, view.TAKE)
        post.blocks = new
        await click

        await office.slack.wait_for(lambda: "Taken by bob" in post.shown_text)
        assert "Forget my number" in post.shown_text


async def test_edits_and_deletions_that_arrive_before_their_complaint_are_handled(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        late = office.ann.post(office.complaints, "First words", deliver=False)
        office.ann.edit(late, "Edited words")
        (post, *_) = await office.posted()
        assert "Edited words" in post.shown_text
        count = len(office.department_posts())
        office.ann.deliver(late)

        gone = office.ann.post(office.complaints, "Never mind", deliver=False)
        office.ann.delete(gone)
        await office.handled()
        office.ann.deliver(gone)
        await office.handled()

        assert len(office.department_posts()) == count
        assert not any("Never mind" in post.shown_text for post in office.department_posts())


async def test_a_mention_in_a_complaint_is_one_complaint(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        office.ann.post(office.complaints, f"<@{office.workspace.bot.id}> the box is torn")
        posts = await office.posted()
        await office.handled()

        assert len(office.department_posts()) == len(model_says(access, "the box is torn"))
        assert "@someone" not in posts[0].shown_text


async def test_mentions_direct_messages_and_the_shortcut_are_routed_too(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        lobby = office.workspace.add_channel("lobby", office.ann)

        mention = office.ann.post(lobby, f"<@{office.workspace.bot.id}> {COMPLAINT}")
        await office.noted(mention, "Notified: ")
        direct = office.ann.write_to_bot(COMPLAINT)
        await office.noted(direct, "Notified: ")
        other = office.ann.post(lobby, f"{COMPLAINT} Please.")
        await office.ann.use_shortcut("route_complaint", other)
        await office.slack.wait_for(lambda: office.ann.ephemerals(lobby))

        assert "Notified: " in office.ann.ephemerals(lobby)[0].shown_text
        assert office.notes(other) == []


async def test_a_complaint_without_words_goes_to_people_who_find_its_source(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, "", files=["F0PICTURE"])
        office.ann.post(office.complaints, f"<@{office.workspace.bot.id}>")

        (asked,) = await office.asked()
        await office.noted(message, "A person will decide")
        assert "The message has no text; see the source" in asked.shown_text
        await office.bob.choose(asked, view.CHOOSE, "Service")
        await office.bob.click(asked, view.DECIDE)
        (post,) = await office.posted()
        await office.noted(message, "Notified: Service")
        await office.handled()

        assert message.ts.replace(".", "") in post.shown_text
        assert len(office.review_posts()) == 1, "a mention and nothing else is no complaint"
        assert await office.bot.store.read(office.workspace.id, lambda uow: uow.corrections.all()) == []


async def test_a_forwarded_message_and_a_form_are_routed_by_their_words(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        forwarded = {"is_share": True, "text": COMPLAINT, "fallback": f"[Jan 5] eve: {COMPLAINT}"}
        message = office.ann.post(office.complaints, "", attachments=[forwarded])
        await office.noted(message, "Notified: ")
        await office.handled()
        count = len(office.department_posts())
        lobby = office.workspace.add_channel("lobby", office.ann)
        section = {"type": "section", "text": {"type": "mrkdwn", "text": "The lid of the form is torn."}}
        form = office.ann.post(lobby, "", blocks=[section])

        await office.ann.use_shortcut("route_complaint", form)

        posts = await office.posted(count + 1)
        assert COMPLAINT in posts[0].shown_text
        assert "The lid of the form is torn." in posts[count].shown_text


async def test_messages_that_are_not_complaints_are_ignored(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        lobby = office.workspace.add_channel("lobby", office.ann)
        office.ann.post(lobby, COMPLAINT)
        message = office.ann.post(office.complaints, COMPLAINT)
        await office.posted()
        office.bob.post(office.complaints, "I have that, too", thread=message)
        await office.handled()

        counts = await office.bot.store.read(office.workspace.id, lambda uow: uow.complaints.counts())
        assert sum(counts.values()) == 1


async def test_the_slash_command_routes_looks_up_and_shows_the_status(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        await office.noted(message, "Notified: ")
        link = f"https://acme.slack.com/archives/{office.complaints.id}/p{message.ts.replace('.', '')}"

        looked_up = await office.bob.run_command(office.review, "/foreword", f"lookup {link}")
        status = await office.bob.run_command(office.review, "/foreword", "status")
        helped = await office.bob.run_command(office.review, "/foreword")
        await office.bob.run_command(office.review, "/foreword", "route The lid is missing")
        await office.slack.wait_for(
            lambda: any("Notified: " in m.shown_text for m in office.bob.ephemerals(office.review))
        )

        assert "routed" in looked_up.body["text"]
        assert COMPLAINT not in looked_up.body["text"]
        assert "1 complaints, 1 routed" in status.body["text"]
        assert "/foreword lookup" in helped.body["text"]


async def test_decisions_and_corrections_reach_plugins_redacted(access, tmp_path):
    class Recorder:
        def __init__(self):
            self.events = []

        @hookimpl
        def routing_decided(self, event):
            self.events.append(event)

    recorder = Recorder()
    async with running_office(access, tmp_path, hooks=Hooks(recorder)) as office:
        office.ann.post(office.complaints, "Write to ann@example.com, the lid is missing.")
        await office.posted()
        await office.slack.wait_for(lambda: recorder.events)

    (event,) = recorder.events
    assert event.text == "Write to [e-mail], the lid is missing."
    assert event.decision.guess.model_version
    assert event.actor == ""


async def test_personal_data_is_not_stored(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, "Card 4111 1111 1111 1111, mail ann@example.com")
        await office.noted(message, "Notified: ")
        await office.handled()

    stored = b"".join(path.read_bytes() for path in tmp_path.glob("slack.db*"))
    assert b"[card number]" in stored
    assert b"4111" not in stored
    assert b"ann@example.com" not in stored


async def test_a_label_without_department_goes_to_people(access, tmp_path):
    said = model_says(access, COMPLAINT)
    async with running_office(access, tmp_path) as first:
        departments = [
            {"label": label, "channel": channel.id} for label, channel in first.departments.items() if label not in said
        ]
    async with running_office(access, tmp_path / "..", departments=departments) as office:
        office.ann.post(office.complaints, COMPLAINT)

        (asked,) = await office.asked()

        assert "No department has the label" in asked.shown_text


async def test_the_store_has_the_state_of_a_complaint(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        await office.noted(message, "Notified: ")

        complaint = await office.bot.store.read(
            office.workspace.id, lambda uow: uow.complaints.get(f"{message.channel_id}:{message.ts}")
        )

    assert complaint.state is ComplaintState.ROUTED
    assert complaint.author == office.ann.id
