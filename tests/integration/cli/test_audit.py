"""`foreword audit` against a real server, and what it finds when records are removed or altered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import Client
from foreword.domain.tenant import Scope
from foreword.storage.database import Database
from foreword.storage.repositories.audit_log import AuditLog

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture
def tenant(server: RunningServer, request: pytest.FixtureRequest) -> str:
    """A tenant with four audit records."""
    id = f"t{abs(hash(request.node.name)):x}"[:20]
    with Client(server.endpoint, server.new_key(id)) as client:
        for number in range(4):
            client.create_space(f"s{number}")
    return id


@pytest.fixture
def command(server: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys) -> Command:
    """Runs a command and returns status, standard output with single spaces, and standard error."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    monkeypatch.setenv("COLUMNS", "250")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(("audit", *arguments))
        captured = capsys.readouterr()
        return status, re.sub(" +", " ", captured.out), captured.err

    return call


def test_records_are_listed_newest_first(command: Command, tenant: str):
    selected = ("list", "--tenant", tenant, "--filter", "method : CreateSpace", "--limit", "2")

    status, shown, _ = command(*selected)
    assert status == 0
    newest, older = shown.splitlines()[2:]
    assert "127.0.0.1 CreateSpace spaces/s3 stage, space_id OK 1" in newest
    assert "spaces/s2" in older
    found = json.loads(command(*selected, "--json")[1])
    assert [item["resource"] for item in found] == [f"tenants/{tenant}/spaces/s{number}" for number in (3, 2)]


def test_a_chain_is_verified_with_its_head(command: Command, tenant: str):
    status, shown, _ = command("verify", "--tenant", tenant)
    head = shown.split()[-1]

    assert (status, head.split(":")[0]) == (0, "4")
    assert shown.startswith(f"{tenant}: 4 records are intact")
    assert command("verify", "--tenant", tenant, "--head", head)[0] == 0
    status, _, error = command("verify", "--tenant", tenant, "--head", "3:" + "0" * 64)
    assert (status, "record 3 is not the one that was noted earlier" in error) == (1, True)
    assert command("verify", "--tenant", tenant, "--head", "three")[0] == 2


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM audit_records WHERE tenant = :tenant AND sequence = 2", "record 2 is missing"),
        ("DELETE FROM audit_records WHERE tenant = :tenant AND sequence = 1", "record 1 is missing"),
        ("DELETE FROM audit_records WHERE tenant = :tenant AND sequence = 4", "record 4 is missing"),
        ("UPDATE audit_records SET actor = 'x' WHERE tenant = :tenant AND sequence = 2", "record 2 was altered"),
        ("DELETE FROM audit_chains WHERE tenant = :tenant", "record 5 is missing"),
    ],
)
def test_a_record_that_is_removed_or_altered_is_noticed(
    server: RunningServer, command: Command, tenant: str, statement: str, found: str
):
    with server.database.write() as session:
        session.execute(text(statement), {"tenant": tenant})

    status, _, error = command("verify", "--tenant", tenant)

    assert status == 1
    assert f"{tenant}: {found}" in error


def test_the_first_record_is_shown_if_there_were_older_ones(server: RunningServer, command: Command, tenant: str):
    anchor = "SELECT previous_hash FROM audit_records WHERE tenant = :tenant AND sequence = 3"
    with server.database.write() as session:
        for statement in (
            f"UPDATE audit_chains SET anchor_sequence = 2, anchor_hash = ({anchor}) WHERE tenant = :tenant",
            "DELETE FROM audit_records WHERE tenant = :tenant AND sequence < 3",
        ):
            session.execute(text(statement), {"tenant": tenant})

    status, shown, _ = command("verify", "--tenant", tenant)

    assert status == 0
    assert shown.startswith(f"{tenant}: 2 records are intact from record 3, head 4:")


def test_an_export_is_verified_without_the_service(command: Command, tenant: str, tmp_path: Path):
    file = tmp_path / "audit.jsonl"

    status, _, remark = command("export", "--tenant", tenant, "--output", str(file))
    assert (status, remark) == (0, "Exported 4 records.\n")
    status, shown, _ = command("verify", str(file))
    assert (status, shown.startswith(f"{tenant}: the records are intact, head 4:")) == (0, True)
    lines = file.read_text().splitlines()
    assert [json.loads(line)["resource"].rpartition("/")[2] for line in lines] == ["s0", "s1", "s2", "s3"]

    file.write_text("\n".join([lines[0], *lines[2:]]))
    status, _, error = command("verify", str(file))
    assert (status, "record 2 is missing" in error) == (1, True)
    file.write_text("{}\n")
    status, _, error = command("verify", str(file))
    assert (status, "line 1: is not a record" in error) == (1, True)


def test_all_tenants_are_exported_and_verified(server: RunningServer, command: Command, tenant: str):
    server.new_key("other")

    status, exported, _ = command("export", "--all-tenants", "--filter", "method : CreateSpace")
    assert status == 0
    assert tenant in {json.loads(line)["tenant"] for line in exported.splitlines()}
    assert command("list", "--all-tenants", "--tenant", tenant)[0] == 2
    assert command("verify", "--all-tenants", "--head", "1:" + "0" * 64)[0] == 2
    assert "NOT_FOUND" not in command("list", "--tenant", "nobody")[2]
    assert command("list", "--tenant", "nobody")[0] == 1


def test_the_log_is_for_administrators_of_the_tenant_or_the_service(
    server: RunningServer, command: Command, tenant: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(tenant, [Scope.WRITE, Scope.READ]))
    status, _, error = command("list")
    assert (status, "lacks the scope tenant_admin" in error) == (1, True)

    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(tenant, [Scope.TENANT_ADMIN]))
    assert command("list")[0] == 0
    assert command("verify")[1].startswith(f"{tenant}: 4 records are intact")
    status, _, error = command("export", "--all-tenants")
    assert (status, "lacks the scope admin" in error) == (1, True)
    status, _, error = command("list", "--tenant", "dev")
    assert (status, "does not exist" in error or "not found" in error.lower()) == (1, True)


def test_the_first_tenant_and_its_key_are_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["init", "--home", str(tmp_path / "home"), "--tenant", "acme"]) == 0
    capsys.readouterr()

    database = Database(tmp_path / "home" / "foreword.db")
    try:
        newest, oldest = AuditLog(database).list("acme").items
    finally:
        database.close()
    assert (oldest.method, oldest.resource, oldest.actor) == ("CreateFirstTenant", "tenants/acme", "system")
    assert newest.method == "CreateAdministratorsKey"
    assert newest.resource.startswith("tenants/acme/apiKeys/")
