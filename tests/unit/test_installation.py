"""Commands that install an extra: those that messages name, and those in the documentation."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from foreword.installation import command_for, install_command

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
METADATA = """Metadata-Version: 2.4
Name: foreword
Version: 0.1.0
Requires-Dist: click>=8.1
Provides-Extra: plot
Requires-Dist: matplotlib>=3.9; extra == 'plot'
Provides-Extra: server
Requires-Dist: foreword[plot]; extra == 'server'
Requires-Dist: torch>=2.8; extra == 'server'
"""


def install(folder: Path, origin: dict[str, object] | None) -> Distribution:
    """A distribution with the record that pip keeps of where it came from."""
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(METADATA)
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    return Distribution.at(folder)


def test_an_editable_checkout_is_named(tmp_path: Path) -> None:
    checkout = tmp_path / "my checkout"
    checkout.mkdir()

    installed = install(tmp_path / "site", {"url": checkout.as_uri(), "dir_info": {"editable": True}})

    assert command_for(installed, "server", "slack") == f"pip install --editable '{checkout}[server,slack]'"


def test_a_folder_that_was_installed_from_is_named(tmp_path: Path) -> None:
    installed = install(tmp_path / "site", {"url": tmp_path.as_uri(), "dir_info": {}})

    assert command_for(installed, "plot") == f"pip install '{tmp_path}[plot]'"


def test_a_wheel_is_named(tmp_path: Path) -> None:
    wheel = tmp_path / "foreword-0.1.0-py3-none-any.whl"
    wheel.touch()

    installed = install(tmp_path / "site", {"url": wheel.as_uri(), "archive_info": {}})

    assert command_for(installed, "plot") == f"pip install '{wheel}[plot]'"


def test_a_repository_is_named_with_its_commit(tmp_path: Path) -> None:
    origin = {"url": "https://example.org/foreword.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}

    command = command_for(install(tmp_path / "site", origin), "plot")

    assert command == "pip install 'foreword[plot] @ git+https://example.org/foreword.git@c0ffee'"


@pytest.mark.parametrize("origin", [None, {"url": "file:///gone/foreword.whl", "archive_info": {}}])
def test_where_the_origin_is_gone_or_unknown_the_packages_themselves_are_named(tmp_path: Path, origin) -> None:
    installed = install(tmp_path / "site", origin)

    assert command_for(installed, "server", "plot") == "pip install 'matplotlib>=3.9' 'torch>=2.8'"


def test_this_installation_can_name_a_command_for_every_extra() -> None:
    for extra in EXTRAS:
        command = shlex.split(install_command(extra))
        assert command[:2] == ["pip", "install"]
        assert command[-1].endswith(f"[{extra}]")


WORKS = re.compile(
    r"(?:--quiet |--constraint \S+ |--editable |-e |--no-deps )*"
    r"(?:\.|'\.\[[\w,]+\]'|'\./dist/(?P<wheel>foreword-[^']+\.whl)\[[\w,]+\]'|\./dist/foreword-[\d.]+-py3-none-any\.whl$"
    r"|\"foreword\[[\w,]+\] @ file://\$PWD/dist/(?P<url>foreword-[^\"]+\.whl)\")(?![\w.\[])"
)
"""What may stand behind `pip install` for Foreword itself: this checkout, or a wheel that was built from it."""
OTHER = re.compile(
    r"(?:--editable )?(?:\"\./foreword-acme|\"\.\[test\]\")|` (?:needs|finds)"
    r"|--require-hashes(?: -r constraints\.lock$|`)|--quiet uv==|\{package\}|numpy`"
)
"""Packages of plugins, the lock file and its tool, drivers of stores, NumPy, and sentences about the command."""


def documented_installs() -> list[tuple[Path, str]]:
    kinds = ("*.md", "*.in", "*.py", "*.service", "Makefile")
    folders = [ROOT / name for name in ("core", "plugins", "bots", "deploy", "proto")]
    files = [path for kind in kinds for path in ROOT.glob(kind)]
    files += [path for folder in folders for kind in kinds for path in folder.rglob(kind)]
    found = []
    for path in files:
        if path.name in ("CHANGELOG.md", "installation.py"):
            continue
        found += [(path, item) for item in re.findall(r"pip install\b ?(.*)", path.read_text())]
    return found


def test_every_documented_install_names_the_checkout_or_a_wheel() -> None:
    found = documented_installs()

    assert len(found) > 10
    wrong = [
        f"{path.relative_to(ROOT)}: pip install {text}"
        for path, text in found
        if not (WORKS.match(text) or OTHER.match(text) or text.startswith(("` needs", "` of", '--editable "{')))
    ]
    assert wrong == []


def test_every_documented_wheel_and_extra_exists() -> None:
    for path, text in documented_installs():
        match = WORKS.match(text)
        if match is None:
            continue
        wheel = match["wheel"] or match["url"]
        assert wheel in (None, f"foreword-{PROJECT['version']}-py3-none-any.whl"), path
        for names in re.findall(r"\[([\w,]+)\]", match[0]):
            assert set(names.split(",")) <= set(EXTRAS), (path, text)
