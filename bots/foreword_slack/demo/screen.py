"""A view of Slack in a terminal: channels with their messages, threads, buttons and menus."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from foreword_slack.testing import Channel, Message, View, Workspace

_LINK = re.compile(r"<(https?://[^|>]+)(?:\|([^>]*))?>")
_USER = re.compile(r"<@([A-Z0-9]+)>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|[^>]*)?>")
_STYLES = (
    (re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])"), "bold"),
    (re.compile(r"(?<![\w_])_([^_\n]+)_(?![\w_])"), "italic"),
    (re.compile(r"(?<![\w~])~([^~\n]+)~(?![\w~])"), "strike"),
)


class Screen:
    """A terminal view of a workspace.

    Args:
        console: Console to print on.
        workspace: Workspace to show.
    """

    def __init__(self, console: Console, workspace: Workspace) -> None:
        self._console = console
        self._workspace = workspace
        self._shown: dict[tuple[str, str], int] = {}

    def show_news(self, channels: Iterable[Channel]) -> None:
        """Show the messages of each channel that are new or were edited since they were shown."""
        for channel in channels:
            news = [message for message in channel.shown if self._is_news(message)]
            if news:
                self._console.print(self._panel(channel, news))

    def skip(self, channels: Iterable[Channel]) -> None:
        """Mark all messages of the channels as seen."""
        for channel in channels:
            for message in channel.shown:
                self._is_news(message)

    def show_message(self, channel: Channel, message: Message) -> None:
        """Show a message."""
        self._console.print(self._panel(channel, [message]))

    def show_view(self, view: View, *, title: str, width: int = 100) -> None:
        """Show a modal or an App Home."""
        lines = [line for block in view.content["blocks"] for line in self._block(block, view.values)]
        self._console.print(Panel(Group(*lines), title=title, title_align="left", box=ROUNDED, width=width))

    def _is_news(self, message: Message) -> bool:
        key = (message.channel_id, message.ts)
        seen = self._shown.get(key)
        self._shown[key] = message.revisions
        return seen is None or seen < message.revisions

    def _panel(self, channel: Channel, messages: list[Message]) -> Panel:
        parts: list[RenderableType] = []
        for message in sorted(messages, key=lambda item: (item.thread_ts or item.ts, item.ts)):
            is_reply = bool(message.thread_ts) and message.thread_ts != message.ts
            parts.append(Padding(self._message(message), (0, 0, 0, 4 if is_reply else 0)))
        return Panel(Group(*parts), title=f"# {channel.name}", title_align="left", box=ROUNDED, border_style="cyan")

    def _message(self, message: Message) -> Group:
        author = self._workspace.team.users[message.user]
        head = Text(author.name, style="bold magenta" if author.is_bot else "bold")
        if author.is_bot:
            head.append(" APP", style="dim")
        if message.edited_ts:
            head.append(" (edited)", style="dim")
        if not message.blocks:
            return Group(head, self._formatted(message.text))
        return Group(head, *(line for block in message.blocks for line in self._block(block, {})))

    def _block(self, block: dict[str, Any], values: dict[str, dict[str, Any]]) -> Iterable[RenderableType]:
        kind = block["type"]
        if kind == "divider":
            yield Text("─" * 40, style="dim")
        if kind == "image":
            yield Text(f"[picture: {block['alt_text']}]", style="dim")
        for key in ("label", "text"):
            if isinstance(block.get(key), dict):
                yield self._text_object(block[key], style="bold" if kind == "header" or key == "label" else "")
        for field in block.get("fields", ()):
            yield self._text_object(field)
        if kind == "context":
            for element in block["elements"]:
                yield self._text_object(element, style="dim") if "text" in element else Text("")
        elements = block["elements"] if kind == "actions" else [block.get("accessory"), block.get("element")]
        state = values.get(block.get("block_id", ""), {})
        drawn = [_element(element, state.get(element.get("action_id", ""), {})) for element in elements if element]
        if drawn:
            yield Text("  ").join(drawn)

    def _text_object(self, content: dict[str, Any], *, style: str = "") -> Text:
        if content["type"] == "plain_text":
            return Text(content["text"], style=style)
        text = self._formatted(content["text"])
        text.stylize_before(style)
        return text

    def _formatted(self, text: str) -> Text:
        """Convert Slack's formatting to the terminal's."""
        text = _LINK.sub(lambda found: found[2] or found[1], text)
        text = _CHANNEL.sub(lambda found: f"#{self._workspace.team.channels[found[1]].name}", text)
        text = _USER.sub(lambda found: f"@{self._name(found[1])}", text)
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        shown = Text(text)
        for pattern, style in _STYLES:
            for found in reversed(list(pattern.finditer(shown.plain))):
                before, inner, after = (
                    shown[: found.start()],
                    shown[found.start(1) : found.end(1)],
                    shown[found.end() :],
                )
                inner.stylize(style)
                shown = before + inner + after
        return shown

    def _name(self, user: str) -> str:
        found = self._workspace.team.users.get(user)
        return found.name if found else user


def _element(element: dict[str, Any], state: dict[str, Any]) -> Text:
    kind = element["type"]
    if kind == "button":
        style = {"primary": "black on green", "danger": "white on red"}.get(element.get("style", ""), "reverse")
        return Text(f" {element['text']['text']} ", style=style)
    if kind.endswith("select"):
        chosen = state.get("selected_options") or element.get("initial_options") or []
        single = state.get("selected_option") or element.get("initial_option")
        names = ", ".join(option["text"]["text"] for option in ([single] if single else chosen))
        return Text(f"[ {names or element.get('placeholder', {}).get('text', '')} ▾ ]")
    if kind in ("plain_text_input", "number_input"):
        return Text(f"[ {state.get('value') or element.get('initial_value') or ''} ]")
    return Text(f"[{kind}]", style="dim")
