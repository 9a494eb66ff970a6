"""What templates and assets may contain."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

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
