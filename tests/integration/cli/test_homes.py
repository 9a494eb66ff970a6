"""A home is where it was said to be, whatever its name, and nobody else can read it."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from foreword.cli.application import run
from foreword.cli.settings import read_settings
from foreword.config import Settings
from foreword.storage.artifacts.checkpoints import CheckpointStore

NAMES = [
    "feature%2Flogin",
    "100%",
    "what?",
    "a?mode=memory",
    "issue #7",
    " blanks ",
    "größe-日本",
    "a:b",
    "memory::x",
    "s3:",
    "file:x?uri=true",
    "[red]",
    "it's",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_home_of_any_name_holds_its_database_and_artifacts_alone(name, tmp_path, monkeypatch, capsys):
    home = tmp_path / "homes" / name / "home"
    monkeypatch.setenv("FOREWORD_HOME", str(home))

    assert run(["init", "--tenant", "acme"]) == 0

    assert str(home) in capsys.readouterr().out.replace("\n", "")
    assert everything_below(tmp_path / "homes") == {Path(name), Path(name, "home")} | {
        Path(name, "home", file) for file in ("artifacts", "foreword.db")
    }
    assert {path.stat().st_mode & 0o077 for path in (home, home / "artifacts", home / "foreword.db")} == {0}
    with closing(sqlite3.connect(home / "foreword.db")) as connection:
        assert connection.execute("SELECT id FROM tenants").fetchall() == [("acme",)]


def test_a_home_whose_name_is_not_utf_8_is_refused_by_name_before_anything_is_written(tmp_path, monkeypatch, capsys):
    home = tmp_path / os.fsdecode(b"caf\xe9")
    monkeypatch.setenv("FOREWORD_HOME", str(home))

    assert run(["init"]) == 1

    error = capsys.readouterr().err
    assert "FOREWORD_HOME" in error
    assert "must be a path whose bytes are UTF-8" in error
    assert r"caf\udce9" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_process_finds_the_home_of_its_server(name, tmp_path, monkeypatch):
    server = Settings(home=tmp_path / name)
    for variable, value in server.to_environment().items():
        monkeypatch.setenv(variable, value)

    worker = read_settings()
    CheckpointStore(worker.resolved_artifacts_url, key=b"key").write_checkpoint(
        "checkpoints/acme/run", 1, 1, b"checkpoint"
    )

    assert worker.resolved_database_url == tmp_path / name / "foreword.db"
    assert list((tmp_path / name / "artifacts" / "checkpoints").rglob("*.checkpoint"))


@pytest.mark.parametrize("name", NAMES)
def test_the_bot_keeps_its_store_where_its_configuration_says(name, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "bots" / name
    folder.mkdir(parents=True)
    monkeypatch.delenv("FOREWORD_SLACK_DATABASE_URL", raising=False)
    config = tmp_path / "bot.yaml"
    team = {
        "team": "T0123ABCD",
        "tenant": "acme",
        "deployment": "complaints",
        "complaint_channels": ["C0123ABCD"],
        "review_channel": "C0123ABCE",
        "departments": [{"label": "Service", "channel": "C0123ABCF"}],
    }
    config.write_text(json.dumps({"store": {"path": str(folder / "slack.db")}, "teams": [team]}))

    assert run(["slack", "status", "--config", str(config)]) == 0

    assert "No bot is running." in capsys.readouterr().out
    assert everything_below(tmp_path / "bots") == {Path(name), Path(name, "slack.db")}
    assert (folder / "slack.db").stat().st_mode & 0o077 == 0


def everything_below(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}
