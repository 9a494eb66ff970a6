"""Modals, App Homes, triggers, response URLs and files."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from aiohttp import web as http
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import Channel, FakeSlack, Limits, Person, Workspace


class InteractiveApp:
    """An app that receives interactions over HTTP and records them."""

    def __init__(self, slack: FakeSlack) -> None:
        self.slack = slack
        self.answer: dict[str, Any] | None = None

    async def __aenter__(self) -> InteractiveApp:
        self.payloads: list[dict[str, Any]] = []

        async def take(request: http.Request) -> http.Response:
            form = parse_qs((await request.read()).decode())
            content = json.loads(form["payload"][0]) if "payload" in form else {k: v[0] for k, v in form.items()}
            self.payloads.append(content)
            return http.Response() if self.answer is None else http.json_response(self.answer)

        application = http.Application()
        application.router.add_post("/", take)
        self.runner = http.AppRunner(application, shutdown_timeout=0.1)
        await self.runner.setup()
        await http.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.slack.app.request_url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()


def text(value: str) -> dict[str, str]:
    return {"type": "plain_text", "text": value}


def options(*names: str) -> list[dict[str, Any]]:
    return [{"text": text(name), "value": name.lower()} for name in names]


def modal(**changed: Any) -> dict[str, Any]:
    menu = {
        "type": "multi_static_select",
        "action_id": "departments",
        "options": options("Planning", "Service", "Warehouse"),
        "max_selected_items": 2,
    }
    block = {"type": "input", "block_id": "where", "label": text("Departments"), "element": menu}
    return {
        "type": "modal", "callback_id": "correct", "title": text("Correct"), "submit": text("Send"),
        "blocks": [block], **changed,
    }  # fmt: skip


@pytest.fixture
def ann(acme: Workspace) -> Person:
    return acme.add_user("ann")


@pytest.fixture
def channel(acme: Workspace, ann: Person) -> Channel:
    return acme.add_channel("complaints", ann)


async def trigger_of(app: InteractiveApp, ann: Person, channel: Channel) -> str:
    await ann.run_command(channel, "/foreword")
    return str(app.payloads[-1]["trigger_id"])


async def test_a_trigger_opens_one_modal(slack: FakeSlack, ann: Person, channel: Channel, web: AsyncWebClient):
    async with InteractiveApp(slack) as app:
        trigger = await trigger_of(app, ann, channel)

        await web.views_open(trigger_id=trigger, view=modal())

        assert ann.modal is not None
        with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
            await web.views_open(trigger_id=trigger, view=modal())
        with pytest.raises(SlackApiError, match="invalid_trigger_id"):
            await web.views_open(trigger_id="1.2.3", view=modal())


async def test_a_trigger_lives_for_three_seconds():
    async with FakeSlack(limits=Limits(trigger_seconds=0.0)) as slack, InteractiveApp(slack) as app:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        trigger = await trigger_of(app, ann, acme.add_channel("complaints", ann))

        with pytest.raises(SlackApiError, match="expired_trigger_id"):
            await AsyncWebClient(token=acme.token, base_url=slack.api_url).views_open(trigger_id=trigger, view=modal())


async def test_a_submission_contains_the_input(slack: FakeSlack, ann: Person, channel: Channel, web: AsyncWebClient):
    async with InteractiveApp(slack) as app:
        await web.views_open(trigger_id=await trigger_of(app, ann, channel), view=modal(private_metadata="7"))
        view = ann.modal
        assert view is not None
        with pytest.raises(ValueError, match="'Departments' is empty"):
            await ann.submit(view)
        with pytest.raises(LookupError, match="'Marketing' is not offered"):
            ann.fill(view, "departments", "Marketing")
        with pytest.raises(ValueError, match="takes 2 choices"):
            ann.fill(view, "departments", "Planning", "Service", "Warehouse")
        ann.fill(view, "departments", "Planning", "service")

        await ann.submit(view)

    sent = app.payloads[-1]["view"]
    chosen = sent["state"]["values"]["where"]["departments"]["selected_options"]
    assert [option["value"] for option in chosen] == ["planning", "service"]
    assert sent["private_metadata"] == "7"
    assert ann.modal is None


async def test_a_submission_can_be_refused_or_answered_with_another_view(
    slack: FakeSlack, ann: Person, channel: Channel, web: AsyncWebClient
):
    async with InteractiveApp(slack) as app:
        await web.views_open(trigger_id=await trigger_of(app, ann, channel), view=modal())
        view = ann.modal
        assert view is not None
        ann.fill(view, "departments", "Planning")
        app.answer = {"response_action": "errors", "errors": {"where": "Not that one."}}
        refused = await ann.submit(view)
        still_open = view.is_open
        app.answer = {"response_action": "update", "view": modal(title=text("Again"))}
        await ann.submit(view)

    assert refused.errors == {"where": "Not that one."}
    assert still_open
    assert view.content["title"]["text"] == "Again"


async def test_at_most_three_views_can_be_stacked(slack: FakeSlack, ann: Person, channel: Channel, web: AsyncWebClient):
    push = modal()
    push["blocks"] = [
        *push["blocks"],
        {"type": "actions", "elements": [{"type": "button", "action_id": "more", "text": text("More")}]},
    ]
    async with InteractiveApp(slack) as app:
        await web.views_open(trigger_id=await trigger_of(app, ann, channel), view=push)
        for _ in range(2):
            assert ann.modal is not None
            await ann.click(ann.modal, "more")
            await web.views_push(trigger_id=app.payloads[-1]["trigger_id"], view=push)
        assert ann.modal is not None
        await ann.click(ann.modal, "more")

        with pytest.raises(SlackApiError, match="push_limit_reached"):
            await web.views_push(trigger_id=app.payloads[-1]["trigger_id"], view=push)


async def test_a_home_is_published_and_not_overwritten_by_an_older_state(
    slack: FakeSlack, ann: Person, web: AsyncWebClient
):
    home = {"type": "home", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Today*: 7"}}]}
    first = await web.views_publish(user_id=ann.id, view=home)
    await web.views_publish(user_id=ann.id, view=home, hash=first["view"]["hash"])

    with pytest.raises(SlackApiError, match="hash_conflict"):
        await web.views_publish(user_id=ann.id, view=home, hash=first["view"]["hash"])
    assert ann.home is not None
    assert ann.home.shown_text == "*Today*: 7"


async def test_a_picture_is_uploaded_in_three_steps_and_then_shown(slack: FakeSlack, ann: Person, web: AsyncWebClient):
    picture = b"\x89PNG not really"
    uploaded = await web.files_upload_v2(file=picture, filename="curve.png", title="Curve")
    image = {"type": "image", "alt_text": "the curve", "slack_file": {"id": uploaded["file"]["id"]}}

    await web.views_publish(user_id=ann.id, view={"type": "home", "blocks": [image]})
    strange = {**image, "slack_file": {"id": "F404"}}
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await web.views_publish(user_id=ann.id, view={"type": "home", "blocks": [strange]})

    assert ann.home is not None
    assert ann.home.shown_text == "[image: the curve]"


async def test_a_response_url_accepts_five_answers_within_half_an_hour():
    async with FakeSlack(limits=Limits(response_url_seconds=60)) as slack, InteractiveApp(slack) as app:
        acme = slack.add_team()
        ann = acme.add_user("ann")
        channel = acme.add_channel("complaints", ann)
        await ann.run_command(channel, "/foreword")
        url = app.payloads[-1]["response_url"]
        async with aiohttp.ClientSession() as session:
            answers = []
            for number in range(6):
                async with session.post(url, json={"text": f"Answer {number}"}) as answer:
                    answers.append((answer.status, await answer.text()))

    assert answers[:5] == [(200, "ok")] * 5
    assert answers[5][0] == 404
    assert "used_url" in answers[5][1]
    assert len(ann.ephemerals(channel)) == 5


async def test_a_response_url_can_replace_the_clicked_message(
    slack: FakeSlack, acme: Workspace, ann: Person, channel: Channel, web: AsyncWebClient
):
    buttons = {"type": "actions", "elements": [{"type": "button", "action_id": "take", "text": text("Take it")}]}
    await web.chat_postMessage(channel=channel.id, text="Open", blocks=[buttons])
    async with InteractiveApp(slack) as app, aiohttp.ClientSession() as session:
        await ann.click(channel.shown[0], "take")
        await session.post(app.payloads[-1]["response_url"], json={"text": "Taken", "replace_original": True})

    assert [(message.text, message.blocks) for message in channel.shown] == [("Taken", [])]
