"""The audit log on SQLite and PostgreSQL: records are part of transactions, chains have no gaps, old records go."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from factories.stored import make_tuned_model, store_experiment, store_tenant
from foreword.domain.audit import chain_fault
from foreword.errors import AlreadyExistsError
from foreword.storage.audit.action import Action, acting
from foreword.storage.audit.chains import AuditEntry
from foreword.storage.audit.changes import RESOURCES
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import EXPIRED, AuditLog
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.storage.tables import Base
from foreword.storage.workers.queue import JobQueue
from foreword.storage.workers.rollouts import ACTIONS

ROOT = Path(__file__).parents[3]

NO_RESOURCES = {
    "usage",
    "usage_segments",
    "artifact_deletions",
    "audit_chains",
    "audit_records",
    "batch_job_parts",
    "capture_usage",
    "captured_requests",
    "dataset_versions",
    "drift_reports",
    "deployment_revisions",
    "evaluation_batches",
    "jobs",
    "machine_speeds",
    "requests",
    "saved_prompt_versions",
    "shared_keys",
    "tune_snapshots",
    "training_samples",
    "webhook_deliveries",
}
"""Tables whose rows are no resources, or parts of others."""


def action(**values: str) -> Action:
    return Action(method="DeploymentService/CreateSpace", actor_tenant="acme", actor="key", **values)


def methods(database: Database, tenant: str = "acme") -> list[str]:
    records = AuditLog(database).list(tenant, ListRequest(order_by="sequence", page_size=1000)).items
    (chain,) = AuditLog(database).list_chains(tenant).items
    assert chain_fault(records, chain) == ""
    return [record.method for record in records]


def test_every_table_is_known_to_hold_resources_or_not():
    resources = {row.__tablename__ for row in RESOURCES}

    assert {table.name for table in Base.metadata.tables.values()} - resources - NO_RESOURCES == set()


def test_a_transaction_that_fails_leaves_no_record(database: Database):
    spaces = SpaceRepository(database, store_tenant(database))
    failing = action()
    with acting(failing):
        with pytest.raises(AlreadyExistsError):
            spaces.create("default")
        spaces.create("live")
        spaces.create("second")

    assert methods(database) == ["DeploymentService/CreateSpace"], "one record for each action"


def test_writers_that_race_extend_one_chain(database: Database):
    spaces, log = SpaceRepository(database, store_tenant(database)), AuditLog(database)

    def work(number: int) -> None:
        for step in range(5):
            with acting(action()):
                spaces.create(f"s-{number}-{step}")
            log.append({"acme": [AuditEntry(method="Refused", actor_tenant="acme", actor="key", count=3)]})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = methods(database)
    assert (len(found), found.count("Refused")) == (40, 20)


def test_what_is_older_than_the_retention_goes_and_the_rest_can_be_verified(database: Database):
    store_tenant(database)
    log = AuditLog(database)
    for number in range(4):
        log.append({"acme": [AuditEntry(method=f"Method{number}", actor_tenant="acme", actor="key")]})
    with database.write() as session:
        moment = database.clock(session)
        for number, days in ((1, 9), (2, 8), (3, 5)):
            older = text("UPDATE audit_records SET time = :time WHERE sequence = :number")
            session.execute(older, {"time": (moment - timedelta(days=days)).replace(tzinfo=None), "number": number})

    assert log.delete_expired(timedelta(days=9)) == 0, "a day later"
    assert log.delete_expired(timedelta(days=6)) == 2
    assert log.delete_expired(timedelta(days=6)) == 0

    left = log.list("acme", ListRequest(order_by="sequence")).items
    (chain,) = log.list_chains("acme").items
    assert [record.sequence for record in left] == [3, 4, 5]
    assert (left[2].method, left[2].actor) == ("DeleteExpiredAuditRecords", "system")
    assert (chain.anchor_sequence, chain.last_sequence) == (2, 5)
    assert chain_fault(left[1:], chain) != ""
    assert left[0].previous_hash == chain.anchor_hash


def test_a_chain_whose_ends_are_removed_goes_on_with_a_gap(database: Database):
    spaces, log = SpaceRepository(database, store_tenant(database)), AuditLog(database)

    def fault(tenant: str | None) -> str:
        (chain,) = log.list_chains(tenant).items
        return chain_fault(log.list("acme", ListRequest(order_by="sequence")).items, chain)

    def remove_ends() -> None:
        with database.write() as session:
            session.execute(text("DELETE FROM audit_chains WHERE tenant = 'acme'"))

    with acting(action()):
        spaces.create("one")
    with acting(action()):
        spaces.create("two")
    assert fault("acme") == ""
    remove_ends()
    assert fault(None) == fault("acme") == "record 3 is missing: there should be records up to 3"
    remove_ends()
    with acting(action()):
        spaces.create("three")

    assert fault(None) == "record 3 is missing: record 4 follows record 2"
    with database.write() as session:
        session.execute(text("UPDATE audit_records SET time = '2020-01-01 00:00:00.000000'"))
    assert log.delete_expired(timedelta(days=30)) == 3
    assert fault("acme") == ""


def test_deletions_of_records_are_not_recorded_for_ever(database: Database):
    store_tenant(database)
    log = AuditLog(database)
    log.append({"acme": [AuditEntry(method="Old", actor_tenant="acme", actor="key")]})
    counts = []
    for _ in range(3):
        with database.write() as session:
            session.execute(text("UPDATE audit_records SET time = '2020-01-01 00:00:00.000000'"))
        counts.append(log.delete_expired(timedelta(days=30)))

    assert counts == [1, 1, 0]


def test_a_tenant_does_not_see_the_records_of_a_deleted_one_with_its_id(database: Database):
    log = AuditLog(database)
    log.append({"acme": [AuditEntry(method="Earlier", actor_tenant="acme", actor="key")]})
    with acting(Action(method="CreateTenant")):
        store_tenant(database)

    records = log.list("acme", since_creation=True).items
    assert [record.method for record in records] == ["CreateTenant"]
    assert chain_fault(records, log.list_chains("acme", since_creation=True).items[0]) == ""
    assert [record.method for record in log.list("acme").items] == ["CreateTenant", "Earlier"]


def test_a_tuned_model_is_recorded_with_the_end_of_its_run(database: Database):
    experiment = store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("worker", timedelta(minutes=1))
    assert lease is not None
    model = make_tuned_model(experiment)
    queue.succeed(lease, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)

    (record,) = AuditLog(database).list("acme").items
    assert (record.actor, record.method) == ("system", "StoreTunedModel")
    assert record.resource == f"tenants/acme/tunedModels/{model.id}"


def test_the_guide_lists_the_actions_of_the_service():
    sources = "".join(path.read_text() for path in (ROOT / "core" / "foreword").rglob("*.py"))
    named = set(re.findall(r'note_system_action\(session, "(\w+)"', sources))
    named |= set(re.findall(r'Action\(method="(\w+)"\)', sources)) | {*ACTIONS.values(), EXPIRED}

    guide = (ROOT / "deploy" / "audit.md").read_text()
    assert len(named) > 8
    assert [name for name in sorted(named) if f"`{name}`" not in guide] == []
