"""The bot's schema and repositories."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event, inspect, make_url, text

from factories.slack import START, install
from foreword.errors import FailedPreconditionError
from foreword.sql import migration
from foreword_slack.store import (
    Acknowledgement,
    AcknowledgementState,
    Complaint,
    ComplaintState,
    Correction,
    InstallationState,
    RetrainingState,
    Store,
)
from foreword_slack.store.store import MIGRATIONS
from foreword_slack.store.tables import Base


def a_complaint(**changes) -> Complaint:
    values = {"channel": "C1", "ts": "1700000000.000100", "author": "U1", "text": "Late", "receive_time": START}
    return Complaint(**values | changes)


def raw_engine(url: str):
    engine = create_engine(make_url(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


async def test_migrations_make_the_tables_that_the_models_describe(store, store_url):
    engine = raw_engine(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "slack_version"})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


async def test_every_migration_goes_forward_and_back(store_url):
    await (await Store.open(store_url)).close()
    engine = raw_engine(store_url)
    with engine.begin() as connection:
        migration.downgrade(connection, MIGRATIONS, "base")
        assert inspect(connection).get_table_names() == ["slack_version"]
    engine.dispose()
    await (await Store.open(store_url)).close()
    engine = raw_engine(store_url)
    assert set(Base.metadata.tables) <= set(inspect(engine).get_table_names())
    engine.dispose()


async def test_a_store_from_a_newer_version_is_refused(store_url):
    await (await Store.open(store_url)).close()
    engine = raw_engine(store_url)
    with engine.begin() as connection:
        before = connection.execute(text("SELECT version_num FROM slack_version")).scalar_one()
        connection.execute(text("UPDATE slack_version SET version_num = '9999'"))
    with pytest.raises(FailedPreconditionError):
        await Store.open(store_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE slack_version SET version_num = :before"), {"before": before})
    engine.dispose()


async def test_a_transaction_that_raises_leaves_nothing(store):
    def half_done(uow):
        uow.complaints.save(a_complaint())
        uow.posts.post("route", "C2", {"text": "Late"})
        raise KeyError

    with pytest.raises(KeyError):
        await store.write("T1", half_done)
    assert await store.read("T1", lambda uow: uow.complaints.get(a_complaint().id)) is None
    assert await store.read("T1", lambda uow: uow.posts.get("route")) is None


async def test_a_complaint_comes_back_as_it_was_saved(store):
    saved = a_complaint(
        state=ComplaintState.ROUTED,
        thread_ts="1700000000.000050",
        model="tenants/acme/tunedModels/m1",
        scores={"billing": 0.75},
        guess=("billing",),
        departments=("billing", "legal"),
        reasons=("margin",),
        decider="U9",
        duplicate_of="C1:1.1",
        signature=(1, 2**60),
        edit_ts="1700000001.000100",
        decide_time=START + timedelta(minutes=1),
    )
    await store.write("T1", lambda uow: uow.complaints.save(saved))
    found = await store.read("T1", lambda uow: uow.complaints.get(saved.id))
    assert found == dataclasses.replace(saved, update_time=START)


async def test_complaints_are_counted_and_listed_by_state(store):
    def save(uow):
        uow.complaints.save(a_complaint(ts="1.1"))
        uow.complaints.save(a_complaint(ts="1.2", state=ComplaintState.ROUTED, receive_time=START + timedelta(hours=1)))

    await store.write("T1", save)
    since = START + timedelta(minutes=1)
    latest = await store.read("T1", lambda uow: uow.complaints.latest(since=since))
    counts = await store.read("T1", lambda uow: uow.complaints.counts())
    assert [complaint.ts for complaint in latest] == ["1.2"]
    assert (counts[ComplaintState.RECEIVED], counts[ComplaintState.ROUTED]) == (1, 1)


async def test_one_workspace_sees_nothing_of_another(store):
    def fill(uow):
        uow.complaints.save(a_complaint())
        uow.acknowledgements.save(Acknowledgement(complaint=a_complaint().id, department="billing", due_time=START))
        uow.corrections.save(
            Correction(complaint="C1:1.1", actor="U1", input="Late", said=("a",), corrected=("b",), model="m")
        )
        uow.retrainings.propose()
        uow.overrides.set({"threshold": 0.5}, "U1")
        uow.audit.append("routed", complaint=a_complaint().id)
        uow.posts.post("route", "C2", {"text": "Late"}, complaint=a_complaint().id)

    await install(store, "T1")
    await store.write("T1", fill)

    def look(uow):
        return [
            uow.complaints.get(a_complaint().id),
            *uow.complaints.latest(),
            uow.acknowledgements.get(a_complaint().id, "billing"),
            *uow.acknowledgements.of(a_complaint().id),
            *uow.corrections.all(),
            *uow.retrainings.latest(),
            uow.retrainings.get(1),
            *uow.overrides.all(),
            *uow.audit.lines(),
            uow.posts.get("route"),
            *uow.posts.about(a_complaint().id),
            uow.installation,
        ]

    assert set(await store.read("T2", look)) == {None}
    assert None not in await store.read("T1", look)


async def test_two_workspaces_can_use_the_same_names(store):
    for team in ("T1", "T2"):
        await store.write(team, lambda uow: uow.complaints.save(a_complaint(author=uow.team)))
        assert await store.write(team, lambda uow: uow.posts.post("route", "C2", {"text": "Late"}))
    found = await store.read("T1", lambda uow: uow.complaints.get(a_complaint().id))
    assert found.author == "T1"


async def test_a_second_correction_of_one_person_replaces_the_first(store):
    correction = Correction(complaint="C1:1.1", actor="U1", input="Late", said=("a",), corrected=("b",), model="m")
    await store.write("T1", lambda uow: uow.corrections.save(correction))
    await store.write("T1", lambda uow: uow.corrections.mark_used([correction], "datasets/d1"))
    assert await store.read("T1", lambda uow: uow.corrections.unused()) == []
    await store.write("T1", lambda uow: uow.corrections.save(dataclasses.replace(correction, corrected=("c",))))
    (unused,) = await store.read("T1", lambda uow: uow.corrections.unused())
    assert unused.corrected == ("c",)


async def test_an_acknowledgement_is_replaced_when_somebody_takes_the_complaint(store, clock):
    waiting = Acknowledgement(complaint="C1:1.1", department="billing", due_time=START + timedelta(hours=1))
    await store.write("T1", lambda uow: uow.acknowledgements.save(waiting))
    assert await store.read("T1", lambda uow: uow.acknowledgements.of("C1:1.1")) == [waiting]
    taken = dataclasses.replace(waiting, state=AcknowledgementState.TAKEN, actor="U5", take_time=clock.now())
    await store.write("T1", lambda uow: uow.acknowledgements.save(taken))
    assert await store.read("T1", lambda uow: uow.acknowledgements.of("C1:1.1")) == [taken]


async def test_a_retraining_is_followed_from_its_proposal_to_its_end(store):
    proposed = await store.write("T1", lambda uow: uow.retrainings.propose())
    promoted = dataclasses.replace(proposed, state=RetrainingState.PROMOTED, metrics={"accuracy": 0.9}, actor="U1")
    await store.write("T1", lambda uow: uow.retrainings.save(promoted))
    assert await store.read("T1", lambda uow: uow.retrainings.latest()) == [promoted]
    assert await store.read("T1", lambda uow: uow.retrainings.latest(states=[RetrainingState.PROPOSED])) == []


async def test_an_override_of_none_restores_the_configuration(store):
    await store.write("T1", lambda uow: uow.overrides.set({"threshold": 0.5, "channel": "C9"}, "U1"))
    await store.write("T1", lambda uow: uow.overrides.set({"threshold": None}, "U1"))
    assert await store.read("T1", lambda uow: uow.overrides.all()) == {"channel": "C9"}


async def test_an_uninstalled_workspace_keeps_no_tokens(store):
    await install(store, "T1")
    await store.operate(
        lambda operator: operator.workspaces.mark("T1", InstallationState.UNINSTALLED, "app_uninstalled")
    )
    workspace = await store.read("T1", lambda uow: uow.installation)
    assert (workspace.state, workspace.sealed) == (InstallationState.UNINSTALLED, "")


async def test_an_oauth_state_is_valid_once_and_for_a_while(store, clock):
    lifetime = timedelta(minutes=10)
    await store.operate(lambda operator: operator.workspaces.add_oauth_state("one", lifetime))
    await store.operate(lambda operator: operator.workspaces.add_oauth_state("two", lifetime))
    assert await store.operate(lambda operator: operator.workspaces.take_oauth_state("one"))
    assert not await store.operate(lambda operator: operator.workspaces.take_oauth_state("one"))
    clock.move(601)
    assert not await store.operate(lambda operator: operator.workspaces.take_oauth_state("two"))


async def test_a_new_file_is_for_its_owner_only(tmp_path):
    await (await Store.open(f"sqlite:///{tmp_path / 'slack.db'}")).close()
    assert (tmp_path / "slack.db").stat().st_mode & 0o777 == 0o600
