"""The journal of usage counts every line once, whatever happens to its process."""

from __future__ import annotations

import signal
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories.forked import fork_context
from factories.killed_processes import sum_up_and_die, write_usage
from factories.stored import beat, make_tuned_model, store_dataset, store_experiment, store_tenant
from foreword.domain.usage import Usage, UsageField, UsageKey, UsageKind
from foreword.errors import InvalidArgumentError, NotFoundError, UnavailableError
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.quotas.sums import add_usage, day_of
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.usage.journal import FAILPOINTS, UsageJournal
from foreword.storage.usage.repository import UsageRepository, UsageRetention
from foreword.storage.workers.queue import JobQueue

DAY = "2026-01-31"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "usage"


def amounts(database: Database, tenant: str = "acme") -> dict[UsageKind, float]:
    found: Counter[UsageKind] = Counter()
    for item in UsageRepository(database, tenant).list(ListRequest(page_size=1000)).items:
        found[item.kind] += item.amount
    return dict(found)


def expected(count: int) -> dict[UsageKind, float]:
    return {
        UsageKind.REQUESTS: count,
        UsageKind.INPUT_TOKENS: 10 * count,
        UsageKind.OUTPUT_TOKENS: 2 * count,
        UsageKind.VIRTUAL_TOKENS: 3 * count,
    }


def test_what_is_written_is_summed_up_in_batches_and_the_file_goes_at_the_end(database: Database, folder: Path) -> None:
    store_tenant(database)
    journal = UsageJournal(folder, database)
    write_usage(journal, 5)
    journal.roll_up()
    write_usage(journal, 3)
    assert journal.waiting_bytes > 0
    journal.roll_up()
    journal.roll_up()
    assert journal.waiting_bytes == 0
    journal.close()

    assert amounts(database) == expected(8)
    assert list(folder.iterdir()) == []


def test_two_journals_in_one_folder_leave_each_others_files_alone(database: Database, folder: Path) -> None:
    store_tenant(database)
    first, second = UsageJournal(folder, database), UsageJournal(folder, database)
    write_usage(first, 4)
    write_usage(second, 3)
    second.roll_up()
    assert amounts(database) == expected(3)
    first.roll_up()
    second.roll_up()
    write_usage(first, 1)
    first.close()  # without a batch: it leaves its last line
    second.roll_up()
    second.close()

    assert amounts(database) == expected(8)
    assert list(folder.iterdir()) == []


def test_a_long_journal_is_summed_up_in_several_transactions_and_turned_over(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foreword.storage.usage.journal.CHUNK_BYTES", 1000)
    monkeypatch.setattr("foreword.storage.usage.journal.SEGMENT_BYTES", 3000)
    commits: list[str] = []
    store_tenant(database)
    journal = UsageJournal(folder, database, failpoint=commits.append)
    write_usage(journal, 100)
    journal.roll_up()
    first = {path.name for path in folder.iterdir()}
    write_usage(journal, 1)
    journal.roll_up()

    assert commits.count("usage.roll_up.after_commit") > 5
    assert amounts(database) == expected(101)
    assert len(first) == 1
    journal.close()
    assert list(folder.iterdir()) == []


def test_a_torn_and_an_unreadable_line_cost_no_other_line(database: Database, folder: Path) -> None:
    store_tenant(database)
    left = UsageJournal(folder, database)
    write_usage(left, 2)
    (path,) = folder.iterdir()
    with path.open("ab") as file:
        file.write(b"\0\0\0\n")
        file.write(b'["acme","2026-01-31"]\n')
        file.write(b'["acme","2026-01-31","m",1,10,2')
    assert left._current is not None
    left._current.close()  # as a kill does
    journal = UsageJournal(folder, database)
    journal.roll_up()

    assert amounts(database) == expected(2)
    assert list(folder.iterdir()) == []


def test_what_the_disk_does_not_take_is_kept_in_memory(database: Database, tmp_path: Path) -> None:
    store_tenant(database)
    blocked = tmp_path / "blocked"
    blocked.write_bytes(b"")  # a file where the folder should be
    journal = UsageJournal(blocked, database)
    write_usage(journal, 3)
    journal.roll_up()
    journal.close()

    assert amounts(database) == expected(3)


def test_nothing_is_lost_or_doubled_while_the_database_is_away(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_tenant(database)
    journal = UsageJournal(folder, database)
    write_usage(journal, 2)

    def lose_answer(point: str) -> None:
        if point == "usage.roll_up.after_commit":
            raise UnavailableError("The answer to the commit was lost.")

    journal._failpoint = lose_answer
    with pytest.raises(UnavailableError):
        journal.roll_up()
    journal._failpoint = lambda _: None
    write_usage(journal, 1)
    journal.roll_up()

    assert amounts(database) == expected(3)


def test_usage_of_a_tenant_that_is_gone_is_dropped(database: Database, folder: Path) -> None:
    store_tenant(database)
    journal = UsageJournal(folder, database)
    write_usage(journal, 1, "gone")
    write_usage(journal, 1)
    journal.roll_up()

    assert amounts(database) == expected(1)
    assert {item.tenant for item in UsageRepository(database, None).list().items} == {"acme"}


def test_a_new_tenant_does_not_pay_for_a_deleted_one_with_its_id(database: Database, folder: Path) -> None:
    journal = UsageJournal(folder, database)
    write_usage(journal, 2, day=day_of(datetime.now(UTC) - timedelta(days=2)))
    store_tenant(database)
    write_usage(journal, 1)
    journal.roll_up()

    assert amounts(database) == expected(1)


@pytest.mark.parametrize("point", FAILPOINTS)
def test_a_kill_at_any_point_of_a_batch_counts_every_line_once(
    database: Database, database_url: str, folder: Path, point: str
) -> None:
    store_tenant(database)
    process = fork_context().Process(target=sum_up_and_die, args=(point, database_url, folder))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    journal = UsageJournal(folder, database)
    journal.roll_up()
    journal.roll_up()
    journal.close()

    assert amounts(database) == expected(10)
    assert list(folder.iterdir()) == []


def usage(database: Database, tenant: str, day: str, model: str, kind: UsageKind, amount: float) -> None:
    with database.write() as session:
        add_usage(session, {UsageKey(tenant, day, model, kind.value): amount})


@pytest.fixture
def stored(database: Database) -> Database:
    for tenant in ("acme", "other"):
        store_tenant(database, tenant)
        for day in ("2026-01-30", "2026-01-31", "2026-02-01"):
            for model in ("a", "b"):
                usage(database, tenant, day, model, UsageKind.REQUESTS, 1)
                usage(database, tenant, day, model, UsageKind.INPUT_TOKENS, 10)
    return database


def test_usage_is_summed_up_by_the_fields_that_are_kept(stored: Database) -> None:
    def listed(tenant: str | None, group_by: Any, **request: Any) -> list[Usage]:
        return list(UsageRepository(stored, tenant).list(ListRequest(**request), group_by=group_by).items)

    by_day = listed("acme", [UsageField.DAY], filter="kind = REQUESTS AND day >= 2026-01-31", order_by="day")
    by_tenant = listed(None, [UsageField.TENANT], filter="day < 2026-02-01", order_by="tenant, kind")

    assert [(item.day, item.model, item.tenant, item.amount) for item in by_day] == [
        ("2026-01-31", "", "", 2.0),
        ("2026-02-01", "", "", 2.0),
    ]
    assert [(item.tenant, item.kind, item.amount) for item in by_tenant] == [
        ("acme", UsageKind.INPUT_TOKENS, 40.0),
        ("acme", UsageKind.REQUESTS, 4.0),
        ("other", UsageKind.INPUT_TOKENS, 40.0),
        ("other", UsageKind.REQUESTS, 4.0),
    ]
    assert len(listed("acme", tuple(UsageField))) == 12
    assert listed("acme", [UsageField.DAY], filter="model = none") == []


def test_pages_of_usage_hold_every_amount_once_and_a_token_fits_one_list(stored: Database) -> None:
    repository = UsageRepository(stored, "acme")
    request, found = ListRequest(page_size=5, order_by="model desc"), []
    while True:
        page = repository.list(request)
        found += page.items
        if not page.next_page_token:
            break
        request = replace(request, page_token=page.next_page_token)
    token = repository.list(replace(request, page_token="")).next_page_token

    assert len(found) == len(set(found)) == 12
    assert [item.model for item in found] == ["b"] * 6 + ["a"] * 6
    for changed, groups in (
        (replace(request, page_token=token, filter="kind = REQUESTS"), tuple(UsageField)),
        (replace(request, page_token=token), [UsageField.DAY]),
    ):
        with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
            repository.list(changed, group_by=groups)


def test_a_filter_by_day_needs_a_day(stored: Database) -> None:
    with pytest.raises(InvalidArgumentError, match="a day such as 2026-01-31 for day"):
        UsageRepository(stored, "acme").list(ListRequest(filter="day > yesterday"))


def test_usage_of_a_missing_tenant_does_not_exist(database: Database) -> None:
    with pytest.raises(NotFoundError):
        UsageRepository(database, "ghost").list()


def test_usage_is_deleted_when_it_has_been_kept_for_long_enough(database: Database) -> None:
    store_tenant(database)
    today = database.now()
    for age in (0, 40, 41):
        usage(database, "acme", day_of(today - timedelta(days=age)), "a", UsageKind.REQUESTS, 1)
    UsageRetention(database, days=40).delete_expired()

    days = [item.day for item in UsageRepository(database, "acme").list().items]
    assert days == [day_of(today), day_of(today - timedelta(days=40))]


def test_a_run_costs_what_its_heartbeats_say_also_when_it_is_deleted(database: Database) -> None:
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("worker", timedelta(minutes=1))
    assert lease is not None
    beat(queue, lease, duration=timedelta(minutes=1), compute_seconds=360.0, tokens=1000)
    beat(queue, lease, duration=timedelta(minutes=1), compute_seconds=720.0, tokens=500)
    queue.succeed(
        lease, tuned_model=make_tuned_model(lease.experiment), evaluations=(), curve_advice="", compute_seconds=1080.0
    )
    ExperimentRepository(database, "acme").delete(experiment.id)
    DatasetRepository(database, "acme").delete(experiment.config.dataset)

    found = UsageRepository(database, "acme").list(ListRequest(filter=f"day >= {datetime.now(UTC):%Y}-01-01")).items
    assert {(item.kind, item.model, round(item.amount, 9)) for item in found} == {
        (UsageKind.CAPACITY_UNIT_HOURS, "baseModels/foreword--starter", 0.3),
        (UsageKind.TUNING_TOKENS, "baseModels/foreword--starter", 1500.0),
    }


def test_two_writers_of_one_sum_add_up(database: Database) -> None:
    store_dataset(database)
    keys = [UsageKey("acme", DAY, model, kind.value) for model in "ab" for kind in UsageKind]
    for order in (keys, keys[::-1]):
        with database.write() as session:
            add_usage(session, dict.fromkeys(order, 0.5))

    assert {item.amount for item in UsageRepository(database, "acme").list().items} == {1.0}
