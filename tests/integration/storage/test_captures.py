"""Captured requests: stored once, within their limits, and deleted in time."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from factories.captures import add_until_killed, see
from factories.forked import fork_context
from factories.stored import store_tenant
from foreword.domain.capture import CapturedRequest, CapturePolicy, Feedback, RightAnswer, SeenRequest
from foreword.domain.model_reference import ModelReference
from foreword.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from foreword.names import DeploymentName
from foreword.storage.captures.feedback import FeedbackRepository
from foreword.storage.captures.ledger import CaptureCounts, CaptureLedger
from foreword.storage.captures.repository import CaptureRepository
from foreword.storage.captures.retention import CaptureRetention
from foreword.storage.database import Database
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.audit_log import AuditLog
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.storage.tables import CapturedRequestRow, CaptureUsageRow

BASE = ModelReference(base_model="foreword--starter")
ROOM = 10_000_000


class Store:
    """A database with a deployment that captures all requests."""

    def __init__(self, database: Database, tenant: str = "acme", *, room: int = ROOM, **policy) -> None:
        self.database = database
        self.tenant = store_tenant(database, tenant)
        self.deployments = DeploymentRepository(database, self.tenant)
        self.ledger = CaptureLedger(database, max_tenant_bytes=room)
        self.captures = CaptureRepository(database, self.tenant)
        self.create("triage", **policy)

    def create(self, id: str, **policy) -> None:
        capture = CapturePolicy(**{"share": 1.0, **policy})
        created = self.deployments.create(space="default", id=id, serving_name=id, model=BASE, capture=capture)
        self.create_time = created.create_time

    def add(self, *requests: SeenRequest, deployment: str = "triage") -> CaptureCounts:
        created = self.deployments.get("default", deployment).create_time
        return self.ledger.add(DeploymentName(self.tenant, "default", deployment), created, requests)

    def ids(self, deployment: str = "triage", filter: str = "") -> list[str]:
        """The ids of the stored requests, oldest first. What is counted must be what is there."""
        with self.database.read() as session:
            rows = select(func.count(), func.coalesce(func.sum(CapturedRequestRow.byte_size), 0))
            counted = select(
                func.coalesce(func.sum(CaptureUsageRow.request_count), 0),
                func.coalesce(func.sum(CaptureUsageRow.byte_size), 0),
            )
            assert tuple(session.execute(rows).one()) == tuple(map(int, session.execute(counted).one()))
        page = self.captures.list("default", deployment, ListRequest(filter=filter, page_size=1000))
        return [item.seen.request_id for item in page.items][::-1]

    def grow_old(self, id: str, days: float) -> None:
        with self.database.write() as session:
            past = self.database.clock(session) - timedelta(days=days)
            session.execute(
                update(CapturedRequestRow).where(CapturedRequestRow.request_id == id).values(create_time=past)
            )


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def test_a_request_is_stored_once_however_often_it_is_added(store: Store):
    first = store.add(see("1"), see("2"), see("1", input="Again"))
    second = store.add(see("2"), see("3"))

    assert (first.stored, first.repeated) == (2, 1)
    assert (second.stored, second.repeated) == (1, 1)
    assert store.ids() == ["1", "2", "3"]


def test_what_was_seen_is_what_is_read(store: Store):
    labelled = see("1", labels=("Service", "L3"), probability=0.75, threshold=0.5, abstained=False)
    text = see("2", input="Où est-ce ?", output="\N{PACKAGE}")

    store.add(labelled, text)

    assert [item.seen for item in store.captures.list("default", "triage").items] == [text, labelled]


def test_the_oldest_requests_make_room(database: Database):
    store = Store(database, max_requests=3)

    for id in "12345":
        store.add(see(id))
    many = store.add(*(see(f"many {number}") for number in range(5)))

    assert (many.stored, many.full) == (3, 2)
    assert store.ids() == ["many 2", "many 3", "many 4"]


def test_a_tenant_has_no_more_room_than_its_limit_and_takes_none_from_others(database: Database):
    store, other = Store(database, room=3_000), Store(database, "other", room=3_000)
    store.create("second")
    large = [see(f"{number}", input="x" * 500) for number in range(3)]

    assert other.add(large[0]).stored == 1
    assert store.add(*large).stored == 3
    assert store.add(see("new", input="x" * 500)).stored == 1
    assert store.ids() == ["1", "2", "new"]
    # A deployment does not delete what another one has captured.
    assert store.add(*large, deployment="second").full == 3
    assert not store.captures.usage("default", "second", max_tenant_bytes=100_000).full
    assert store.captures.usage("default", "second", max_tenant_bytes=2_000).full
    assert store.add(see("huge", input="x" * 5_000)).full == 1
    assert other.ids("triage", "request_id = 0") == ["0"]


def test_nothing_is_stored_for_a_deployment_that_captures_nothing_any_more(store: Store):
    created = store.create_time
    store.deployments.update("default", "triage", capture=CapturePolicy())
    off = store.add(see("1"))
    store.deployments.delete("default", "triage")
    store.create("triage")
    replaced = store.ledger.add(DeploymentName("acme", "default", "triage"), created, [see("2")])

    assert (off.off, replaced.off) == (1, 1)
    assert store.ids() == []


def test_requests_are_deleted_when_their_retention_has_ended(database: Database):
    store = Store(database, retention_days=7)
    store.create("second", retention_days=30)
    store.add(see("old"), see("new"))
    store.add(see("old"), deployment="second")
    store.grow_old("old", 8)

    assert CaptureRetention(database).delete_expired() == 1
    assert CaptureRetention(database).delete_expired() == 0
    assert (store.ids(), store.ids("second")) == (["new"], ["old"])
    (record,) = AuditLog(database).list("acme").items
    assert (record.actor, record.method) == ("system", "DeleteExpiredCapturedRequests")
    assert record.resource == "tenants/acme/spaces/default/deployments/triage"


def test_a_retention_that_is_shortened_holds_for_what_is_stored_even_if_nothing_is_captured_any_more(store: Store):
    store.add(see("old"), see("new"))
    store.grow_old("old", 2)
    assert CaptureRetention(store.database).delete_expired() == 0

    store.deployments.update("default", "triage", capture=CapturePolicy(share=0.0, retention_days=1))

    assert CaptureRetention(store.database).delete_expired() == 1
    assert store.ids() == ["new"]


def test_more_requests_expire_at_once_than_one_transaction_deletes(store: Store):
    store.add(*(see(f"{number}") for number in range(1_200)))
    with store.database.write() as session:
        session.execute(update(CapturedRequestRow).values(create_time=store.create_time - timedelta(days=31)))

    assert CaptureRetention(store.database).delete_expired() == 1_200
    assert store.ids() == []


def test_a_deployment_is_deleted_with_its_captured_requests(store: Store):
    store.create("second")
    store.add(see("1"))
    store.add(see("2"), deployment="second")

    store.deployments.delete("default", "triage")

    assert store.ids("second") == ["2"]
    with pytest.raises(NotFoundError):
        store.ids("triage")


def test_requests_are_deleted_by_their_ids_or_a_condition(store: Store):
    requests = [see(f"{number}", input=f"Jane {number}" if number % 2 else "John") for number in range(6)]
    store.add(*requests)

    assert store.captures.delete_some("default", "triage", request_ids=["0", "1", "unknown"]).count == 2
    assert store.captures.delete_some("default", "triage", filter='input : "jane"').count == 2
    assert store.ids() == ["2", "4"]
    assert store.captures.delete_some("default", "triage").count == 2
    assert store.ids() == []
    with pytest.raises(InvalidArgumentError, match="filter"):
        store.captures.delete_some("default", "triage", filter="mood = good")


def test_requests_are_found_by_their_answers(store: Store):
    sure = see("sure", labels=("L3",), probability=0.9, threshold=0.5, abstained=False)
    unsure = see("unsure", labels=("L3", "Service"), probability=0.4, threshold=0.5, abstained=True)
    store.add(sure, unsure, see("text", output="A fine answer"))

    assert store.ids(filter="abstained = true") == ["unsure"]
    assert store.ids(filter="NOT abstained = true") == ["sure", "text"]
    assert store.ids(filter="probability < 0.5") == ["unsure"]
    assert store.ids(filter="labels : Service") == ["unsure"]
    assert store.ids(filter="output : fine AND revision = 1") == ["text"]
    for filter in ("abstained = maybe", "probability < much", "probability < nan"):
        with pytest.raises(InvalidArgumentError, match="needs"):
            store.ids(filter=filter)


@pytest.mark.parametrize("kills", [2])
def test_a_killed_server_loses_only_what_was_not_stored_and_doubles_nothing(
    store: Store, database_url: str, kills: int
):
    context = fork_context()
    stored: Sequence[str] = ()
    for _ in range(kills):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=add_until_killed, args=(database_url, store.create_time, ROOM, sender))
        process.start()
        sender.close()  # so that the end of the process is an error here, not a wait without an end
        last = -1
        while last < 5:
            last = receiver.recv()
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        with contextlib.suppress(EOFError):
            while True:
                last = receiver.recv()

        stored = store.ids()
        assert len(stored) == len(set(stored))
        assert len(stored) % 20 == 0, "a batch is stored as a whole"
        assert {f"{batch}/0" for batch in range(last + 1)} <= set(stored)


def give(store: Store, id: str, *labels: str, deployment: str = "triage", **values) -> CapturedRequest:
    input = values.pop("input", "")
    right = RightAnswer(labels=labels) if labels else values.pop("right", None)
    repository = FeedbackRepository(store.database, store.tenant, max_tenant_bytes=values.pop("room", ROOM))
    feedback = Feedback(**{"right": right, "author": "key-1", **values})
    return repository.submit(DeploymentName(store.tenant, "default", deployment), id, feedback, input)


def labelled(id: str, *labels: str, **values) -> SeenRequest:
    given = {"output": ", ".join(labels), "probability": 0.9, "threshold": 0.0, "abstained": False}
    return see(id, labels=labels, **{**given, **values})


def test_the_last_feedback_counts_and_one_that_is_submitted_again_keeps_its_time(store: Store):
    store.add(labelled("1", "L3"))

    first = give(store, "1", "Service", comment="No")
    again = give(store, "1", "Service", comment="No")
    last = give(store, "1", "L3", score=1.0, author="key-2")

    assert (first.correct, last.correct) == (False, True)
    assert first == again
    assert last.feedback.submit_time > first.feedback.submit_time
    (found,) = store.captures.list("default", "triage").items
    assert found == last
    assert (found.feedback.right.labels, found.feedback.comment, found.feedback.author) == (("L3",), "", "key-2")
    assert store.ids() == ["1"]


def test_labels_are_compared_in_any_order_and_texts_without_surrounding_space(store: Store):
    store.add(labelled("labels", "L3", "Service"), see("text", output="Here. "))

    assert give(store, "labels", "Service", "L3").correct is True
    assert give(store, "labels", right=RightAnswer(labels=())).correct is False
    assert give(store, "text", right=RightAnswer(output="Here.")).correct is True
    assert give(store, "text", score=0.5).correct is None
    with pytest.raises(InvalidArgumentError, match="set right_labels instead"):
        give(store, "labels", right=RightAnswer(output="L3"))
    with pytest.raises(InvalidArgumentError, match="set right_output instead"):
        give(store, "text", "L3")


def test_feedback_about_a_request_that_was_not_captured_needs_its_input(store: Store):
    with pytest.raises(NotFoundError, match="send the input of the request along") as raised:
        give(store, "1", "L3")
    assert raised.value.reason == "REQUEST_NOT_CAPTURED"

    given = give(store, "1", "L3", input="Where is it?")

    assert (given.captured, given.seen.input, given.seen.output, given.correct) == (False, "Where is it?", "", None)
    assert give(store, "1", "Service").feedback.right.labels == ("Service",)
    assert store.ids(filter="captured = false AND has_feedback = true") == ["1"]


def test_a_request_that_is_captured_after_its_feedback_completes_it(store: Store):
    give(store, "1", "L3", input="Where is it?")

    counts = store.add(labelled("1", "Service"), labelled("2", "L3"))

    assert (counts.stored, counts.repeated) == (2, 0)
    (found,) = store.captures.list("default", "triage", ListRequest(filter="request_id = 1")).items
    assert (found.captured, found.seen.labels, found.correct) == (True, ("Service",), False)
    assert found.feedback.right.labels == ("L3",)
    assert store.add(labelled("1", "L3")).repeated == 1


def test_requests_with_feedback_keep_half_of_the_room(database: Database):
    store = Store(database, max_requests=4)
    store.add(*(labelled(id, "L3") for id in "1234"))
    give(store, "1", "L3")
    give(store, "2", "L3")

    assert store.add(*(labelled(id, "L3") for id in "567")).full == 1
    assert store.ids() == ["1", "2", "6", "7"]
    give(store, "6", "L3")
    give(store, "7", "L3")
    with pytest.raises(FailedPreconditionError, match="of at most 4 requests") as raised:
        give(store, "invented", "L3", input="Where is it?")
    assert raised.value.reason == "CAPTURES_FULL"
    assert store.add(labelled("8", "L3")).stored == 1
    assert store.ids() == ["2", "6", "7", "8"]
    give(store, "8", "L3")
    assert store.add(*(labelled(id, "L3") for id in "abc")).full == 1
    assert store.ids() == ["7", "8", "b", "c"]
    store.create("second")
    with pytest.raises(FailedPreconditionError, match="may take 100 bytes"):
        give(store, "d", "L3", input="Where is it?", deployment="second", room=100)
    assert store.ids() == ["7", "8", "b", "c"]


def test_long_requests_with_feedback_keep_half_of_the_bytes(database: Database):
    store = Store(database, room=10_000)
    store.add(*(see(id, input="x" * 1_500) for id in "12345"))
    for id in "12345":
        give(store, id, comment="good")

    assert store.add(*(see(id, input="x" * 1_500) for id in "678")).stored == 3
    assert store.ids() == ["4", "5", "6", "7", "8"]
    assert store.add(see("long", input="x" * 8_500)).full == 1


def test_feedback_on_invented_requests_takes_at_most_half_of_the_room(database: Database):
    store = Store(database, max_requests=6)
    store.add(*(labelled(id, "L3") for id in "123456"))

    for number in range(9):
        give(store, f"invented {number}", "L3", input="Where is it?")

    assert store.ids() == ["4", "5", "6", "invented 6", "invented 7", "invented 8"]
    store.add(labelled("7", "L3"))
    assert store.ids(filter="captured = true") == ["5", "6", "7"]


@pytest.mark.parametrize("grows", [False, True])
def test_long_feedback_on_invented_requests_takes_at_most_half_of_the_bytes(database: Database, grows: bool):
    store = Store(database, room=10_000)
    store.create("second")
    store.add(*(see(id, input="x" * 800) for id in "123456789"))

    for number in range(9):
        if grows:
            give(store, f"invented {number}", "L3", input="?", room=10_000)
        give(store, f"invented {number}", "L3", input="y" * 800, room=10_000)

    kept = store.ids(filter="captured = true")
    assert 4 <= len(kept) < 9
    assert kept == list("123456789")[-len(kept) :]
    assert store.ids()[-1] == "invented 8"
    with pytest.raises(FailedPreconditionError, match="of which those that were not captured get half"):
        give(store, "elsewhere", "L3", input="y" * 4_000, deployment="second", room=10_000)


def test_requests_are_found_by_their_feedback(store: Store):
    store.add(labelled("right", "L3"), labelled("wrong", "L3"), labelled("scored", "L3"), labelled("none", "L3"))
    give(store, "right", "L3")
    give(store, "wrong", right=RightAnswer(labels=()))
    give(store, "scored", score=0.25, author="key-2")

    assert store.ids(filter="has_feedback = false") == ["none"]
    assert store.ids(filter="has_right_answer = true") == ["right"]
    assert store.ids(filter="correct = false") == ["wrong"]
    assert store.ids(filter="score < 0.5") == ["scored"]
    assert store.ids(filter='author = "key-1"') == ["right", "wrong"]


def test_the_log_of_sqlite_is_emptied_by_the_retention_unless_somebody_reads(tmp_path):
    database = Database(tmp_path / "foreword.db")
    database.migrate()
    store = Store(database)
    log = tmp_path / "foreword.db-wal"
    with database.read() as session:
        session.scalars(select(CapturedRequestRow)).all()
        store.add(see("1"))
        assert not database.empty_log()
        CaptureRetention(database).delete_expired()
    assert log.stat().st_size > 0

    CaptureRetention(database).delete_expired()

    assert log.stat().st_size == 0
    assert store.ids() == ["1"]
    (tmp_path / "foreword.db").rename(tmp_path / "elsewhere")
    assert not database.empty_log()
    database.close()


def test_feedback_is_deleted_with_its_request(store: Store):
    store.add(labelled("old", "L3"))
    give(store, "old", "L3")
    store.grow_old("old", 31)

    assert CaptureRetention(store.database).delete_expired() == 1
    assert store.ids() == []
