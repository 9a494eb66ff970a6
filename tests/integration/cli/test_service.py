"""Setting up a service and running it as an operator would."""

import logging
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from factories.logs import log_briefly
from foreword.cli.application import run
from foreword.client import Client, Scope
from foreword.config import Settings
from foreword.inference.engine.thread import EngineThread
from foreword.storage.database import Database
from foreword.storage.repositories.tenants import TenantRepository


@pytest.fixture
def own_logging():
    """Puts logging back: `serve` sends it to the standard error of the moment, which ends with the test."""
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    log_briefly()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_home_is_set_up_once_and_its_key_printed_once(tmp_path, capsys):
    home = str(tmp_path / "home")

    assert run(["init", "--home", home]) == 0
    first = capsys.readouterr().out
    assert run(["init", "--home", home]) == 0
    second = capsys.readouterr().out
    assert run(["init", "--home", home, "--new-key"]) == 0
    third = capsys.readouterr().out

    keys = [re.findall(r"fw_\w+", text) for text in (first, second, third)]
    assert keys[0]
    assert not keys[1]
    assert keys[2]
    assert keys[2] != keys[0]


def test_a_new_key_is_one_of_the_home_s_only_tenant(tmp_path, capsys):
    home = str(tmp_path / "home")

    assert run(["init", "--home", home, "--tenant", "acme"]) == 0
    assert run(["init", "--home", home, "--new-key"]) == 0
    assert run(["init", "--home", home]) == 0

    assert re.findall(r"tenant +(\w+)", capsys.readouterr().out) == ["acme", "acme", "acme"]
    assert tenants_of(home) == ["acme"]


def test_a_home_of_several_tenants_wants_one_named(tmp_path, capsys):
    home = str(tmp_path / "home")
    assert run(["init", "--home", home, "--tenant", "acme"]) == 0
    assert run(["init", "--home", home, "--tenant", "bolt"]) == 0
    capsys.readouterr()

    assert run(["init", "--home", home, "--new-key"]) == 2
    several = capsys.readouterr().err
    assert run(["init", "--home", home, "--new-key", "--tenant", "blot"]) == 2
    unknown = capsys.readouterr().err
    assert run(["init", "--home", home, "--new-key", "--tenant", "bolt"]) == 0

    assert "This home has the tenants acme, bolt. Choose one of them with --tenant." in several
    assert "no tenant 'blot'; it has acme, bolt." in unknown
    assert re.findall(r"fw_\w+", capsys.readouterr().out)
    assert tenants_of(home) == ["acme", "bolt"]


def tenants_of(home: str) -> list[str]:
    database = Database(Settings(home=Path(home)).resolved_database_url)
    try:
        return [item.id for item in TenantRepository(database).list_tenants().items]
    finally:
        database.close()


def test_a_new_home_is_open_to_nobody_else(tmp_path, capsys):
    home = tmp_path / "home"

    assert run(["init", "--home", str(home)]) == 0

    assert mode(home) == mode(home / "artifacts") == 0o700
    assert mode(home / "foreword.db") == 0o600
    assert "Warning" not in capsys.readouterr().err


def test_a_home_that_stood_open_is_reported_and_gets_a_private_database_and_artifacts(tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)

    assert run(["init", "--home", str(home)]) == 0

    assert f"chmod 700 {home}" in capsys.readouterr().err
    assert mode(home) == 0o755
    assert mode(home / "artifacts") == 0o700
    assert mode(home / "foreword.db") == 0o600


@pytest.mark.parametrize("command", ["init", "serve", "worker"])
def test_a_damaged_database_is_named_once_with_its_remedy(command, tmp_path, capfd, own_logging):
    home = tmp_path / "home"
    assert run(["init", "--home", str(home)]) == 0
    (home / "foreword.db").write_bytes(b"no database" * 1000)
    capfd.readouterr()

    assert run([command, "--home", str(home)]) == 1

    stderr = capfd.readouterr().err
    assert stderr.count(str(home / "foreword.db")) == 1
    assert "is damaged" in stderr
    assert "Restore the file from a backup" in stderr
    assert "Internal error" not in stderr


def test_a_home_that_cannot_be_created_is_named_with_its_remedy(tmp_path, capsys):
    (tmp_path / "file").touch()

    assert run(["init", "--home", str(tmp_path / "file" / "home")]) == 1

    stderr = capsys.readouterr().err
    assert f"The home {tmp_path}/file/home cannot be created (Not a directory)" in stderr
    assert "FOREWORD_HOME" in stderr


def test_a_home_without_a_tenant_is_not_served(tmp_path, capsys, own_logging):
    assert run(["serve", "--home", str(tmp_path / "home")]) == 1
    assert "foreword init" in capsys.readouterr().err


def test_an_address_beyond_loopback_is_not_served_in_plain_text(tmp_path, capsys, own_logging):
    home = str(tmp_path / "home")
    run(["init", "--home", home])

    assert run(["serve", "--home", home, "--host", "0.0.0.0", "--port", "0"]) == 1

    assert "insecure" in capsys.readouterr().err


def test_a_service_says_where_it_is_and_ends_in_order(tmp_path, capsys):
    home = str(tmp_path / "home")
    run(["init", "--home", home])
    key = re.findall(r"fw_\w+", capsys.readouterr().out)[0]
    command = [sys.executable, "-m", "foreword", "serve", "--home", home, "--port", "0", "--workers", "1"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True)
    with process:
        try:
            ready = [process.stdout.readline() for _ in range(3)]
            address = re.search(r"127\.0\.0\.1:\d+", "".join(ready))[0]
            with Client(address, key) as client:
                identity = client.who_am_i()
        finally:
            process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()

    log = (tmp_path / "log").read_text()
    assert ready[0].endswith("is ready.\n")
    assert (identity.tenant, identity.scopes) == ("tenants/main", frozenset(Scope))
    assert "export" not in rest
    assert process.returncode == 0
    assert "Fatal" not in log
    assert "Traceback" not in log


def test_a_service_whose_engine_is_lost_ends_with_an_error_so_that_a_supervisor_starts_it_again(
    tmp_path, capsys, own_logging, monkeypatch
):
    def fault(self):
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(EngineThread, "_wait", fault)

    assert run(["serve", "--dev", "--home", str(tmp_path / "home"), "--port", "0", "--workers", "0"]) == 1

    assert "Start the service again" in capsys.readouterr().err
