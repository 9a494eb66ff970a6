"""The usage of this month as metrics."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from factories.databases import open_database
from factories.stored import store_tenant
from foreword.domain.usage import UsageKey, UsageKind
from foreword.observability.metrics.labels import MOST_TENANTS, OTHER
from foreword.server.metrics.usage import UsageCollector
from foreword.storage.database import Database
from foreword.storage.quotas.sums import add_usage, day_of


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_database(tmp_path / "foreword.db")
    yield database
    database.close()


def use(database: Database, tenant: str, amount: float, *, days_ago: int = 0) -> None:
    store_tenant(database, tenant)
    with database.write() as session:
        day = day_of(database.clock(session) - timedelta(days=days_ago))
        add_usage(session, {UsageKey(tenant, day, "m", UsageKind.INPUT_TOKENS.value): amount})


def samples(collector: UsageCollector) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in collector.collect()
        for sample in metric.samples
    }


def test_the_usage_of_this_month_is_exported_and_read_at_most_once_a_minute(database: Database) -> None:
    now = [0.0]
    collector = UsageCollector(database, lambda: 63, lambda: now[0])
    use(database, "acme", 5.0)
    use(database, "acme", 7.0, days_ago=40)
    first = samples(collector)
    use(database, "acme", 1.0)
    now[0] = 59.0
    second = samples(collector)
    now[0] = 61.0
    third = samples(collector)

    name = ("foreword_tenant_usage_this_month", "acme", "input_tokens")
    assert (first[name], second[name], third[name]) == (5.0, 5.0, 6.0)
    assert first[("foreword_usage_journal_bytes",)] == 63


def test_the_tenants_that_use_least_share_one_series(database: Database) -> None:
    for number in range(MOST_TENANTS + 2):
        use(database, f"t{number}", 100.0 + number)

    found = samples(UsageCollector(database, lambda: 0))

    assert len(found) == MOST_TENANTS + 2  # with the journal, and one for the others
    assert found["foreword_tenant_usage_this_month", OTHER, "input_tokens"] == 201.0
