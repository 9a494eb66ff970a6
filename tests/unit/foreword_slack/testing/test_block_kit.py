"""Block Kit's shapes and limits."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import Workspace
from foreword_slack.testing.block_kit import MESSAGE_BLOCKS, check_blocks, check_view


def text(value: str, kind: str = "plain_text") -> dict[str, str]:
    return {"type": kind, "text": value}


def section(value: str) -> dict[str, Any]:
    return {"type": "section", "text": text(value, "mrkdwn")}


def button(**changed: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "take", "text": text("Take it"), **changed}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def select(count: int, length: int = 5, **changed: Any) -> dict[str, Any]:
    options = [{"text": text(f"{number:03}".ljust(length, "x")), "value": str(number)} for number in range(count)]
    return {"type": "static_select", "action_id": "choose", "options": options, **changed}


ACCEPTED = {
    "a section of 3,000 characters": [section("x" * 3000)],
    "a header of 150": [{"type": "header", "text": text("x" * 150)}],
    "a button's value of 2,000": [actions(button(value="x" * 2000))],
    "100 options of 75 characters": [actions(select(100, 75))],
    "an initial option that is offered": [actions(select(3, initial_option={"text": text("001xx"), "value": "1"}))],
    "50 blocks": [section("x")] * 50,
    "a context of text and image": [
        {
            "type": "context",
            "elements": [text("x", "mrkdwn"), {"type": "image", "alt_text": "x", "image_url": "http://x"}],
        }
    ],
}
REFUSED = {
    "a section of 3,001 characters": (
        [section("x" * 3001)],
        "less than 3001 characters [json-pointer:/blocks/0/text/text]",
    ),
    "an empty section": ([section("")], "more than 0 characters"),
    "a section without text": ([{"type": "section"}], "text or fields"),
    "51 blocks": ([section("x")] * 51, "no more than 50"),
    "101 options": ([actions(select(101))], "no more than 100"),
    "no option": ([actions(select(0))], "no fewer than 1"),
    "an option of 76 characters": ([actions(select(1, 76))], "less than 76"),
    "a button's text of 76": ([actions(button(text=text("x" * 76)))], "less than 76"),
    "a button's value of 2,001": ([actions(button(value="x" * 2001))], "less than 2001"),
    "a button with formatted text": ([actions(button(text=text("x", "mrkdwn")))], "type plain_text"),
    "a strange style": ([actions(button(style="loud"))], "primary, danger"),
    "one action twice in a block": ([actions(button(), button())], "action_id already exists: take"),
    "one block id twice": ([{**section("x"), "block_id": "a"}] * 2, "block_id already exists: a"),
    "26 buttons": ([actions(*[button(action_id=str(n)) for n in range(26)])], "no more than 25"),
    "a text field among actions": ([actions({"type": "plain_text_input", "action_id": "x"})], "unsupported type"),
    "an initial option that is not offered": (
        [actions(select(3, initial_option={"text": text("other"), "value": "9"}))],
        "among the options",
    ),
    "two options of one value": (
        [actions({**select(1), "options": [{"text": text("a"), "value": "1"}, {"text": text("b"), "value": "1"}]})],
        "must differ",
    ),
    "an unknown block": ([{"type": "carousel"}], "unsupported type: carousel"),
    "no list at all": ({"type": "section"}, "must be an array"),
}


@pytest.mark.parametrize("blocks", ACCEPTED.values(), ids=ACCEPTED)
def test_it_accepts(blocks: list[dict[str, Any]]) -> None:
    assert check_blocks(blocks, most=MESSAGE_BLOCKS) == []


@pytest.mark.parametrize(("blocks", "problem"), REFUSED.values(), ids=REFUSED)
def test_it_refuses(blocks: Any, problem: str) -> None:
    assert any(problem in fault for fault in check_blocks(blocks, most=MESSAGE_BLOCKS))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"title": text("x" * 25)}, "less than 25"),
        ({"private_metadata": "x" * 3001}, "less than 3001"),
        ({"callback_id": "x" * 256}, "less than 256"),
        ({"blocks": [section("x")] * 101}, "no more than 100"),
        ({"type": "home"}, "must be modal"),
        (
            {"blocks": [{"type": "input", "label": text("x"), "element": {"type": "plain_text_input"}}]},
            "missing required field: submit",
        ),
    ],
)
def test_a_modal_has_its_limits(changed: dict[str, Any], problem: str) -> None:
    view = {"type": "modal", "title": text("Settings"), "blocks": [section("x")]}

    assert check_view(view, kind="modal") == []
    assert any(problem in fault for fault in check_view({**view, **changed}, kind="modal"))


async def test_a_refusal_names_the_location_and_a_post_gets_ids(acme: Workspace, web: AsyncWebClient) -> None:
    channel = acme.add_channel("complaints")
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel=channel.id, text="x", blocks=[section("fine"), section("x" * 3001)])
    posted = await web.chat_postMessage(channel=channel.id, text="x", blocks=[section("fine"), actions(button())])

    assert caught.value.response["error"] == "invalid_blocks"
    assert "/blocks/1/text/text" in caught.value.response["response_metadata"]["messages"][0]
    assert all(block["block_id"] for block in posted["message"]["blocks"])
