"""What templates and assets may contain."""

from __future__ import annotations

import re
import shlex
from importlib.resources import files

import click
import pytest

from foreword.cli.application import application
from foreword.http.studio.assets import asset_path, assets
from foreword.http.studio.rendering import templates

FOLDER = files("foreword.http.studio") / "templates"
NAMES = sorted(entry.name for entry in FOLDER.iterdir())
FORBIDDEN = {
    r"\|\s*safe\b": "text would not be escaped",
    r"\sstyle=": "the content security policy forbids inline styles",
    r"<style": "likewise",
    r"\son\w+=": "likewise for scripts",
    r"hx-on|\bjs:": "likewise",
    r"<script(?![^>]*\ssrc=)": "likewise",
    r"https?://": "pages load nothing from elsewhere",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_template_contains_nothing_that_browsers_are_told_to_refuse(name: str) -> None:
    source = (FOLDER / name).read_text(encoding="utf-8")
    for pattern, reason in FORBIDDEN.items():
        assert not re.search(pattern, source), f"{pattern}: {reason}"


@pytest.mark.parametrize("name", NAMES)
def test_a_template_can_be_compiled(name: str) -> None:
    templates().get_template(name)


def test_the_first_visit_loads_at_most_60_kilobytes() -> None:
    total = sum(len(asset.compressed) for name, asset in assets().items() if name != "lab.js")
    assert total < 60_000


def test_an_address_changes_with_the_content() -> None:
    assert re.fullmatch(r"/static/[0-9a-f]{16}/studio\.css", asset_path("studio.css"))


def test_the_libraries_are_those_that_were_published() -> None:
    digests = {name: asset.digest for name, asset in assets().items() if name.startswith("vendor/")}
    assert digests == {"vendor/htmx.min.js": "a0abb04f2f45a1f8", "vendor/hx-sse.min.js": "18ef2761356ec1fe"}


def commands() -> list[str]:
    """The commands of all templates, with `x` for what is filled in."""
    sources = [(FOLDER / name).read_text(encoding="utf-8") for name in NAMES]
    text = "\n".join(sources)
    found = re.findall(r"<(?:pre|code)[^>]*>foreword ([a-z][^<]*)", text)
    found += re.findall(r"\", \"foreword ([a-z][^\"]*)", text)
    plain = (re.sub(r"\{\{.*?\}\}", "x", command).replace("\\\n", " ") for command in found)
    return sorted({" ".join(command.split()) for command in plain})


def test_the_commands_of_pages_were_found() -> None:
    assert len(commands()) > 8


@pytest.mark.parametrize("command", commands())
def test_a_command_of_a_page_exists_with_its_arguments_and_options(command: str) -> None:
    words = shlex.split(command.partition(" > ")[0])
    here: click.Command = application
    while isinstance(here, click.Group) and words:  # some groups do something by themselves
        found = here.get_command(click.Context(here), words.pop(0))
        assert found is not None, command
        here = found
    options = {name for item in here.params for name in item.opts}
    assert {word for word in words if word.startswith("--")} <= options
    arguments = [item for item in here.params if isinstance(item, click.Argument) and item.required]
    plain = [word for place, word in enumerate(words) if not word.startswith("--") and not is_value(words, place, here)]
    assert not words or len(plain) >= len(arguments), command


def is_value(words: list[str], place: int, command: click.Command) -> bool:
    """Return whether a word is the value of the option before it."""
    before = words[place - 1] if place else ""
    return any(before in item.opts and not getattr(item, "is_flag", False) for item in command.params)
