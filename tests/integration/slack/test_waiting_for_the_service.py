"""If the service is unavailable, refuses or fails, no complaint is lost, and people are informed."""

from __future__ import annotations

from dataclasses import replace

from factories.api import deployed
from factories.bots import Access, running_office
from foreword_slack.views import complaint as view

COMPLAINT = "Two screws are missing from the box."
NOWHERE = "127.0.0.1:1"


async def test_a_complaint_waits_for_the_service_visibly_and_then_goes_to_people(access, tmp_path):
    away = replace(access, endpoint=NOWHERE)
    timers = {"tell_waiting_after_seconds": 5, "review_after_seconds": 30}
    async with running_office(away, tmp_path, timers=timers, speed=10.0) as office:
        message = office.ann.post(office.complaints, COMPLAINT)

        note = await office.noted(message, "taking longer than usual")
        (asked,) = await office.asked()

        assert "could not be called (UNAVAILABLE)" in asked.shown_text
        await office.slack.wait_for(lambda: "A person will decide" in note.shown_text)
        await office.bob.choose(asked, view.CHOOSE, "Service")
        await office.bob.click(asked, view.DECIDE)
        (post,) = await office.posted()
        assert post.channel_id == office.departments["Service"].id


async def test_a_complaint_that_waited_is_routed_once_the_service_is_back(start_server, tmp_path):
    server = start_server()
    access = Access(endpoint=server.endpoint, tenant="dev", key="dev")
    async with running_office(access, tmp_path, speed=10.0) as office:
        message = office.ann.post(
            office.complaints, COMPLAINT
        )  # there is no deployment of that name: it fails for good
        await office.asked()
        deployed(server, server.stubs(), "complaints")

        again = office.ann.post(office.complaints, COMPLAINT)

        await office.noted(again, "Notified: ")
        await office.noted(message, "A person will decide")
    server.stop()


async def test_a_refused_key_leaves_complaints_to_people(access, tmp_path):
    async with running_office(replace(access, key="fw_wrong"), tmp_path) as office:
        office.ann.post(office.complaints, COMPLAINT)

        (asked,) = await office.asked()

        assert "could not be called (API_KEY_" in asked.shown_text


async def test_a_complaint_longer_than_the_model_reads_is_routed_by_its_beginning(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        message = office.ann.post(office.complaints, f"{COMPLAINT} " + "It happened again and again. " * 400)

        (post, *_) = await office.posted()
        await office.noted(message, "Notified: ")
        assert post.shown_text.count("again and again") > 50
        assert "…" in post.shown_text
