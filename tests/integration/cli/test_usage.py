"""`foreword usage` and `foreword quotas` against a real server, and the same through the client."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from factories.servers import RunningServer
from foreword.cli.application import run
from foreword.client import AsyncClient, Client, UsageField, UsageKind
from foreword.domain.tenant import Scope
from foreword.errors import AbortedError, ExhaustedError, InvalidArgumentError, NotFoundError, PermissionDeniedError

BASE = "baseModels/foreword--starter"
Command = Callable[..., tuple[int, str, str]]
_numbers = itertools.count()


def call_often(client: Client) -> None:
    for _ in range(10):
        client.who_am_i()


@pytest.fixture
def tenant() -> str:
    return f"metered-{next(_numbers)}"


@pytest.fixture
def client(server: RunningServer, tenant: str) -> Iterator[Client]:
    with Client(server.endpoint, server.new_key(tenant), retry_seconds=0.0) as client:
        yield client


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Client]:
    with Client(server.endpoint, "dev") as client:
        yield client


@pytest.fixture
def command(server: RunningServer, monkeypatch: pytest.MonkeyPatch, capsys) -> Command:
    """Runs a command of an administrator and returns status, standard output with single spaces, and errors."""
    monkeypatch.setenv("FOREWORD_ENDPOINT", server.endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = run(arguments)
        captured = capsys.readouterr()
        return status, re.sub(" +", " ", captured.out), captured.err

    return call


def test_usage_is_shown_as_a_table_as_json_and_as_csv(command: Command, client: Client, tenant: str) -> None:
    answer = client.generate(BASE, "Where is it?", max_new_tokens=2)
    today = f"{datetime.now(UTC):%Y-%m-%d}"

    _, table, _ = command("usage", "--tenant", tenant, "--by", "day", "--order-by", "kind")
    _, as_json, _ = command("usage", "--tenant", tenant, "--filter", "kind = INPUT_TOKENS", "--json")
    _, as_csv, _ = command("usage", "--tenant", tenant, "--from", today, "--csv")

    assert "day kind amount" in table
    assert f"{today} requests 1" in table
    assert [(item["kind"], item["amount"]) for item in json.loads(as_json)] == [
        ("input_tokens", answer.usage.input_tokens)
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv)))
    assert {(row["tenant"], row["day"], row["model"]) for row in rows} == {(f"tenants/{tenant}", today, BASE)}
    assert {row["kind"]: float(row["amount"]) for row in rows} == {
        "requests": 1.0,
        "input_tokens": answer.usage.input_tokens,
        "output_tokens": answer.usage.generated_tokens,
    }


def test_usage_of_other_days_is_left_out(client: Client) -> None:
    client.generate(BASE, "x", max_new_tokens=1)
    today = datetime.now(UTC).date()

    assert client.list_usage(first_day=today, last_day=today)
    assert client.list_usage(first_day=today + timedelta(days=2)) == []
    assert client.list_usage(last_day=today - timedelta(days=2)) == []


def test_usage_of_all_tenants_is_summed_up_for_an_administrator_only(
    admin: Client, client: Client, tenant: str
) -> None:
    client.generate(BASE, "x", max_new_tokens=1)

    found = admin.list_usage("-", group_by=[UsageField.TENANT], filter=f"kind = REQUESTS AND tenant = {tenant}")

    assert [(item.tenant, item.kind, item.amount) for item in found] == [(f"tenants/{tenant}", UsageKind.REQUESTS, 1.0)]
    with pytest.raises(NotFoundError):
        client.list_usage("-")
    with pytest.raises(InvalidArgumentError, match="tenant, day, model"):
        client.list_usage(group_by=["kind"])


async def test_the_asynchronous_client_lists_usage_too(server: RunningServer, tenant: str) -> None:
    async with AsyncClient(server.endpoint, server.new_key(tenant)) as client:
        await client.generate(BASE, "x", max_new_tokens=1)
        found = await client.list_usage(filter="kind = REQUESTS")
        quota = await client.get_quota()

    assert [item.amount for item in found] == [1.0]
    assert quota.name == f"tenants/{tenant}/quota"


def test_quotas_are_set_and_shown(command: Command, client: Client, tenant: str) -> None:
    client.get_quota()
    status, shown, _ = command("quotas", "set", tenant, "deployments=3", "tokens_per_second=2.5")
    assert status == 0
    assert "deployments 3 tenant 0" in shown
    assert "tokens_per_second 2.5 tenant" in shown
    assert "queued_jobs 100 service 0" in shown
    command("quotas", "set", tenant, "tokens_per_second=default")
    _, as_json, _ = command("quotas", "show", "--tenant", tenant, "--json")
    assert json.loads(as_json)["limits"] == {"deployments": 3}
    assert client.get_quota().limits == {"deployments": 3}


def test_who_am_i_tells_the_quotas_in_force_and_what_is_used(
    command: Command, admin: Client, client: Client, tenant: str, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.update_quota(tenant, {"deployments": 3, "tokens_per_second": 500})
    monkeypatch.setenv("FOREWORD_API_KEY", server.new_key(tenant))

    _, shown, _ = command("whoami")
    identity = client.who_am_i(with_quota=True)

    assert "quota deployments: 0 of 3" in shown
    assert "quota tokens_per_second: 500" in shown
    assert "stored_bytes" not in shown  # it has no limit
    assert identity.quota is not None
    assert identity.quota.limits == {"deployments": 3, "tokens_per_second": 500}
    assert client.who_am_i().quota is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("deployment=3", "QUOTA is one of requests_per_second"),
        ("deployments", "must be QUOTA=VALUE"),
        ("deployments=many", "must be a whole number or default"),
        ("tokens_per_second=fast", "must be a number or default"),
        ("tokens_per_second=0", "tokens_per_second: must be in (0, 1e+15]"),
    ],
)
def test_a_value_that_is_no_quota_is_refused(
    command: Command, client: Client, tenant: str, value: str, problem: str
) -> None:
    status, _, error = command("quotas", "set", tenant, value)

    assert status != 0
    assert problem in re.sub(r"\s+", " ", error)


def test_a_whole_quota_may_be_a_float_without_a_fraction(admin: Client, client: Client, tenant: str) -> None:
    client.get_quota()
    admin.update_quota(tenant, {"deployments": 3.0})
    assert client.get_quota().limits == {"deployments": 3}
    with pytest.raises(InvalidArgumentError, match="deployments"):
        admin.update_quota(tenant, {"deployments": 3.5})


def test_days_that_are_swapped_are_refused(command: Command) -> None:
    status, _, error = command("usage", "--from", "2026-02-01", "--to", "2026-01-31")

    assert status != 0
    assert "--from: must not be after the last day, 2026-01-31" in error


def test_an_outdated_etag_and_an_unknown_quota_are_refused(admin: Client, client: Client, tenant: str) -> None:
    old = admin.get_quota(tenant)
    admin.update_quota(tenant, {"deployments": 1}, etag=old.etag)

    with pytest.raises(AbortedError):
        admin.update_quota(tenant, {"deployments": 2}, etag=old.etag)
    with pytest.raises(InvalidArgumentError, match="deployment"):
        admin.update_quota(tenant, {"deployment": 2})
    with pytest.raises(PermissionDeniedError):
        client.update_quota(tenant, {"deployments": 2})


def test_the_client_knows_whether_waiting_helps(admin: Client, server: RunningServer, tenant: str) -> None:
    key = server.new_key(tenant, (Scope.WRITE, Scope.READ, Scope.INFER))
    admin.update_quota(tenant, {"deployments": 0, "requests_per_second": 2.0})
    with Client(server.endpoint, key, retry_seconds=0.0) as hasty, Client(server.endpoint, key) as patient:
        with pytest.raises(ExhaustedError) as refused:
            patient.create_deployment(BASE, serving_name="none")
        with pytest.raises(ExhaustedError) as too_fast:
            call_often(hasty)
        patient.who_am_i()  # it waits as long as the service says

    assert not refused.value.waiting_helps
    assert refused.value.quota == f"tenants/{tenant}"
    assert refused.value.metadata["quota"] == "deployments"
    assert too_fast.value.waiting_helps
    assert too_fast.value.metadata["quota"] == "requests_per_second"
    assert 0 < too_fast.value.retry_after.total_seconds() <= 1
