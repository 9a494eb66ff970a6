from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foreword.cli.application import run

EXAMPLE = Path(__file__).parents[3] / "deploy" / "slack" / "foreword-slack.example.yaml"


def test_the_commands_are_loaded_only_when_they_are_called():
    script = (
        "import sys, foreword_slack.cli\n"
        "sys.exit(bool({'grpc', 'sqlalchemy', 'slack_bolt', 'pydantic', 'yaml', 'aiohttp'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("command", ["check", "run"])
def test_missing_secrets_are_reported_before_anything_is_called(command, capsys, monkeypatch):
    for name in ("FOREWORD_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    assert run(["slack", command, "--config", str(EXAMPLE)]) == 1

    shown_error = capsys.readouterr().err
    assert all(name in shown_error for name in ("FOREWORD_API_KEY", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"))


def test_faults_of_a_configuration_are_reported_with_their_keys(capsys, tmp_path):
    path = tmp_path / "bot.yaml"
    path.write_text("teams: [{team: acme}]\nslak: {}\n")

    assert run(["slack", "check", "--config", str(path)]) == 1

    shown_error = capsys.readouterr().err
    assert "teams[0].team" in shown_error
    assert "slak: is not a known key" in shown_error


def test_a_store_that_is_damaged_is_named_with_its_remedy(capsys, tmp_path, monkeypatch):
    (tmp_path / "slack.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("FOREWORD_SLACK_DATABASE_URL", f"sqlite:///{tmp_path}/slack.db")

    assert run(["slack", "status", "--config", str(EXAMPLE)]) == 1

    shown_error = capsys.readouterr().err
    assert f"The database {tmp_path}/slack.db is damaged" in shown_error
    assert "Restore the file from a backup" in shown_error


def test_status_lookup_and_retry_need_only_the_store(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FOREWORD_SLACK_DATABASE_URL", f"sqlite:///{tmp_path}/slack.db")

    assert run(["slack", "status", "--config", str(EXAMPLE)]) == 0
    assert run(["slack", "retry", "--config", str(EXAMPLE)]) == 0
    assert run(["slack", "lookup", "C0COMPLAINTS:1.2", "--config", str(EXAMPLE)]) == 1

    shown = capsys.readouterr()
    assert "T0123ABCD (acme)" in shown.out
    assert "No bot is running." in shown.out
    assert "To be retried: 0 events, 0 posts." in shown.out
    assert "C0COMPLAINTS:1.2 is unknown" in shown.err
