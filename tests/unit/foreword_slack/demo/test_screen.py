"""The demo's terminal shows what Slack would show."""

from __future__ import annotations

import io

from rich.console import Console
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.demo.screen import Screen
from foreword_slack.testing import FakeSlack


async def test_it_shows_formatting_links_names_and_buttons_and_only_what_is_new() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False, markup=False, emoji=False)
    async with FakeSlack() as slack:
        acme = slack.add_team("Acme")
        ann = acme.add_user("ann")
        channel = acme.add_channel("service", ann)
        web = AsyncWebClient(token=acme.token, base_url=slack.api_url)
        screen = Screen(console, acme)
        text = f"*Complaint* of <@{ann.id}> in <#{channel.id}>: &lt;b&gt; | <https://acme.example/1|source>"
        button = {"type": "button", "action_id": "take", "text": {"type": "plain_text", "text": "Take it"}}
        section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        actions = {"type": "actions", "elements": [button]}
        posted = await web.chat_postMessage(channel=channel.id, text="x", blocks=[section, actions])

        screen.show_news([channel])
        first = console.file.getvalue()
        screen.show_news([channel])
        unchanged = console.file.getvalue()
        await web.chat_update(channel=channel.id, ts=posted["ts"], text="Taken.")
        screen.show_news([channel])

    assert "# service" in first
    assert "foreword APP" in first
    assert "Complaint of @ann in #service: <b> | source" in first
    assert " Take it " in first
    assert unchanged == first
    assert "(edited)" in console.file.getvalue().removeprefix(first)
    assert "Taken." in console.file.getvalue().removeprefix(first)
