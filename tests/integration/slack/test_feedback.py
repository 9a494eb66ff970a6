"""What people say about answers becomes feedback of captured requests, which are deleted with their messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from factories.api import deployed
from factories.bots import Access, Office, running_office
from factories.servers import RunningServer
from factories.waiting import eventually
from foreword.client import CapturedRequest, CapturePolicy, Client
from foreword_slack.views import complaint as view

COMPLAINT = "Two screws are missing from the box."


@pytest.fixture(scope="module")
def captured(server: RunningServer) -> Access:
    """A tenant whose deployment captures all requests."""
    key = server.new_key("feedback-office")
    deployed(server, server.stubs(key), "complaints")
    with Client(server.endpoint, key) as client:
        client.update_deployment(client.list_deployments()[0], capture=CapturePolicy(share=1.0))
    return Access(endpoint=server.endpoint, tenant="feedback-office", key=key)


@pytest.fixture
def client(captured: Access) -> Iterator[Client]:
    with Client(captured.endpoint, captured.key) as connected:
        yield connected
        connected.delete_captured_requests(connected.list_deployments()[0], filter="revision > 0")


def requests(client: Client) -> list[CapturedRequest]:
    return list(client.list_captured_requests(client.list_deployments()[0]))


async def correct(office: Office, post: Any, label: str) -> None:
    """Correct a complaint to one department."""
    await office.bob.click(post, view.WRONG)
    modal = await office.opened(office.bob)
    office.bob.fill(modal, "choice", label)
    await office.bob.submit(modal)


async def routed(office: Office, client: Client) -> list[Any]:
    """Wait for the posts to all departments of the answer."""
    await office.posted()
    return await office.posted(len(requests(client)[0].labels))


async def told(office: Office) -> None:
    """Wait until all feedback is sent."""
    await office.handled()
    await office.slack.clock.sleep(6)
    await office.handled()


async def test_a_correction_is_feedback_about_the_captured_request_and_the_last_one_counts(captured, client, tmp_path):
    async with running_office(captured, tmp_path) as office:
        office.ann.post(office.complaints, COMPLAINT)
        post = (await routed(office, client))[0]
        said = requests(client)[0].labels
        wrong, right = [label for label in office.departments if label not in said][:2]
        await correct(office, post, wrong)
        await told(office)
        first = requests(client)[0].feedback

        await correct(office, office.department_posts()[-1], right)
        await told(office)

        (request,) = requests(client)
        assert first.right_labels == (wrong,)
        assert request.feedback.right_labels == (right,)
        assert request.feedback.comment == "Decided by a person in Slack."
        assert request.labels == said
        assert request.feedback.correct is False
        assert office.bot.inbox.counts["dead"] == 0


async def test_a_complaint_that_all_departments_take_was_answered_right(captured, client, tmp_path):
    async with running_office(captured, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        for post in await routed(office, client):
            assert requests(client)[0].feedback is None
            await office.bob.click(post, view.TAKE)
        await office.noted(message, "(taken)")
        await told(office)

        (request,) = requests(client)
        assert request.feedback.correct is True
        assert request.feedback.comment == "Taken by all departments as routed, in Slack."


async def test_a_decision_about_an_edited_text_is_no_feedback_about_the_answer(captured, client, tmp_path):
    async with running_office(captured, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        post = (await routed(office, client))[0]
        office.ann.edit(message, "The invoice is wrong, forget the screws.")
        await office.slack.wait_for(lambda: "invoice" in post.shown_text, "the edit in the post")
        await correct(office, post, "Service")
        await told(office)

        (request,) = requests(client)
        assert request.input == COMPLAINT
        assert request.feedback is None


async def test_without_capture_nothing_is_stored_and_the_correction_counts_for_the_bot(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        office.ann.post(office.complaints, COMPLAINT)
        await correct(office, (await office.posted())[0], "Planning")
        await told(office)

        with Client(access.endpoint, access.key) as client:
            assert requests(client) == []
        corrections = await office.bot.store.read(office.workspace.id, lambda uow: uow.corrections.unused())
        assert [item.corrected for item in corrections] == [("Planning",)]
        assert office.bot.inbox.counts["dead"] == office.bot.inbox.counts["failed"] == 0


async def test_feedback_waits_for_the_service(service, keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, speed=60.0) as office:
        office.ann.post(office.complaints, "It is about Marketing")
        (post,) = await office.posted()
        service.refuses = True
        await correct(office, post, "Service")
        await eventually(lambda: office.bot.inbox.counts["postponed"])
        assert service.feedback == []
        service.refuses = False

        await eventually(lambda: service.feedback)

        assert service.feedback == [("1", ["Service"])]


async def test_a_deleted_message_takes_its_captured_request_and_its_feedback_along(captured, client, tmp_path):
    async with running_office(captured, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        post = (await routed(office, client))[0]
        await correct(office, post, "Service")
        await told(office)
        before = requests(client)

        office.ann.delete(message)
        await told(office)

        assert [item.feedback is not None for item in before] == [True]
        assert requests(client) == []
        assert office.bot.inbox.counts["dead"] == 0


async def test_a_message_that_was_edited_takes_the_request_about_its_first_text_along(captured, client, tmp_path):
    async with running_office(captured, tmp_path) as office:
        message = office.ann.post(office.complaints, COMPLAINT)
        post = (await routed(office, client))[0]
        office.ann.edit(message, "The invoice is wrong, forget the screws.")
        await office.slack.wait_for(lambda: "invoice" in post.shown_text, "the edit in the post")
        before = requests(client)

        office.ann.delete(message)
        await told(office)

        assert [item.input for item in before] == [COMPLAINT]
        assert requests(client) == []


async def test_a_message_that_is_deleted_while_the_model_is_asked_leaves_no_request(service, keyword_access, tmp_path):
    async with running_office(keyword_access, tmp_path, speed=60.0) as office:
        service.answers.clear()
        message = office.ann.post(office.complaints, "It is about Marketing")
        await eventually(lambda: service.asked)
        office.ann.delete(message)
        await office.slack.clock.sleep(1)
        service.refuses = True
        service.answers.set()
        await eventually(lambda: office.bot.inbox.counts["postponed"])
        refused = list(service.forgotten)
        service.refuses = False

        await eventually(lambda: service.forgotten)

        assert (refused, service.forgotten) == ([], ["1"])
        assert office.department_posts() == []
