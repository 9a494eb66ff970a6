"""`foreword plugins new` writes a package that installs, loads and passes its own tests as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from foreword.cli.application import application
from foreword.cli.plugins.kinds import KINDS

REPOSITORY = Path(__file__).parents[3]


def new(*arguments: str):
    return CliRunner().invoke(application, ["plugins", "new", *arguments])


def run(*command: str | Path, site: Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": "1",  # tiny models; more threads are slower
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_installs_is_listed_and_passes_its_own_tests(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    site, kinds = tmp_path / "site", [argument for kind in KINDS for argument in ("--kind", kind)]

    shown = new("acme-corp", *kinds)
    written = tmp_path / "foreword-acme-corp"
    pip = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", site)
    installed = run(*pip, written, site=site)
    listed = run("foreword", "plugins", "--json", site=site)
    tested = run("pytest", "-q", "-p", "no:cacheprovider", written / "tests", site=site)

    assert shown.exit_code == 0, shown.output
    assert 'pip install --editable "./foreword-acme-corp[test]"' in shown.output
    assert installed.returncode == 0, installed.stderr
    (status,) = [item for item in json.loads(listed.stdout) if item["id"] == "acme-corp"]
    assert (status["state"], status["distribution"]) == ("loaded", "foreword-acme-corp"), status
    assert len(status["provides"]) == len(KINDS)
    assert tested.returncode == 0, tested.stdout[-3000:]
    assert tomllib.loads((written / "pyproject.toml").read_text())["project"]["entry-points"]["foreword"] == {
        "acme-corp": "foreword_acme_corp.plugin"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_brings_its_module_and_its_test_and_no_other(tmp_path, kind):
    shown = new("acme", "--kind", kind, "--folder", str(tmp_path / "acme"))

    assert shown.exit_code == 0, shown.output
    written = {str(path.relative_to(tmp_path / "acme")) for path in (tmp_path / "acme").rglob("*.*") if path.is_file()}
    module = KINDS[kind].module
    assert written == {
        "pyproject.toml", "README.md", "foreword_acme/__init__.py", "foreword_acme/plugin.py",
        f"foreword_acme/{module}.py", f"tests/test_{module}.py",
    }  # fmt: skip
    assert not [path for path in (tmp_path / "acme").rglob("*.*") if path.is_file() and "${" in path.read_text()]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("Acme", "lower-case letters"),
        ("acme_corp", "lower-case letters"),
        ("../acme", "lower-case letters"),
        ("tasks", "is already installed"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(tmp_path, monkeypatch, name, problem):
    monkeypatch.chdir(tmp_path)

    shown = new(name)

    assert shown.exit_code != 0
    assert problem in f"{shown.output}{shown.exception}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "kept").mkdir()

    shown = new("acme", "--folder", str(tmp_path / "kept"))

    assert "Choose another --folder" in f"{shown.output}{shown.exception}"
    assert list((tmp_path / "kept").iterdir()) == []


def test_what_is_written_for_each_kind_passes_strict_type_checks(tmp_path):
    for kind in KINDS:
        new(f"acme-{kind}", "--kind", kind, "--folder", str(tmp_path / kind))

    # From the repository's folder and with its settings, so that mypy's cache is used: torch alone takes a minute.
    settings = ("--strict", "--config-file", "pyproject.toml")
    checked = run("mypy", *settings, *(tmp_path / kind for kind in KINDS), site=tmp_path, folder=REPOSITORY)

    assert checked.returncode == 0, checked.stdout
    assert f"no issues found in {4 * len(KINDS)} source files" in checked.stdout


def test_what_is_written_keeps_to_the_style_of_the_house(tmp_path):
    kinds = [argument for kind in KINDS for argument in ("--kind", kind)]
    new("acme", *kinds, "--folder", str(tmp_path / "acme"))

    rules = ("--isolated", "--select", "A,ARG001,B,C4,E,F,I,N801,PT,RET,RUF,SIM,UP,W", "--line-length", "120")
    checked = run("ruff", "check", *rules, ".", site=tmp_path, folder=tmp_path / "acme")

    assert checked.returncode == 0, checked.stdout
