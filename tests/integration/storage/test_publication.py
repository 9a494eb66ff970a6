"""Files and the row that refers to them appear together or not at all, whatever fails between them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from factories.stored import MOMENT, make_report, store_tenant
from foreword.errors import AlreadyExistsError, UnavailableError
from foreword.storage.artifacts import store as artifacts_module
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.keys import new_dataset_key
from foreword.storage.artifacts.publication import ArtifactPublisher
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.dataset_rows import ROWS_FILE
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.requests import RequestKey
from foreword.storage.tables import ArtifactDeletionRow

KEY = "tenants/acme/datasets/ab-1"
FILES = {ROWS_FILE: b"rows"}


class Place:
    """A database and an artifact store, with access to their content."""

    def __init__(self, database: Database, url: str) -> None:
        self.database = database
        self.url = url
        self.artifacts = ArtifactStore(url)
        self.deletions = ArtifactDeletions(database=database, artifacts=self.artifacts)
        store_tenant(database)

    def publisher(self, failpoint: Callable[[str], None] = lambda _: None) -> ArtifactPublisher:
        return ArtifactPublisher(database=self.database, artifacts=ArtifactStore(self.url, failpoint=failpoint))

    def commit_row(self, artifact: str = KEY, request: RequestKey | None = None) -> str:
        """Store a dataset, and return the key that it refers to."""
        made = DatasetRepository(self.database, "acme").create(
            display_name="complaints", description="", artifact=artifact, content_sha256="ab" * 32,
            blocks_sha256="", row_count=1, byte_size=4, report=make_report(), creator="key-1", request=request,
        )  # fmt: skip
        return made.artifact

    def state(self) -> tuple[bool, bool]:
        """Return whether the files exist, and whether they are scheduled for deletion."""
        return self.artifacts.exists(KEY), self.deletions.is_noted(KEY)

    def let_a_day_pass(self) -> None:
        with self.database.write() as session:
            session.execute(update(ArtifactDeletionRow).values(due_time=MOMENT))
        self.deletions.delete_due()


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Place:
    return Place(database, str(tmp_path / "artifacts"))


def fail_at(moment: str, error: BaseException) -> Callable[[str], None]:
    def failpoint(name: str) -> None:
        if name == moment:
            raise error

    return failpoint


def commit_and_raise(place: Place, error: BaseException) -> None:
    place.commit_row()
    raise error


def test_files_stay_when_their_row_was_committed(place: Place):
    with place.publisher().publish("acme", KEY, FILES):
        place.commit_row()

    assert place.state() == (True, False)


def test_files_can_be_read_before_their_row_is_committed(place: Place):
    with place.publisher().publish("acme", KEY, FILES):
        found = place.artifacts.read(KEY, ROWS_FILE)

    assert found == b"rows"


def test_files_are_noted_for_deletion_until_their_row_is_committed(place: Place):
    with place.publisher().publish("acme", KEY, FILES):
        before = place.state()
        place.commit_row()
        after = place.state()

    assert (before, after) == ((True, True), (True, False))


def test_files_go_at_once_when_their_row_is_refused(place: Place):
    with pytest.raises(AlreadyExistsError), place.publisher().publish("acme", KEY, FILES):
        raise AlreadyExistsError("The request id was used for other content.")

    assert place.state() == (False, False)


def test_files_go_at_once_when_there_was_nothing_to_commit(place: Place):
    with place.publisher().publish("acme", KEY, FILES):
        pass

    assert place.state() == (False, False)


def test_a_repetition_keeps_the_files_of_the_first_request_only(place: Place):
    request = RequestKey(rpc="UploadDataset", request_id="r1", fingerprint="f")
    repeated = new_dataset_key("acme", "ab" * 32)
    with place.publisher().publish("acme", KEY, FILES):
        place.commit_row(request=request)

    with place.publisher().publish("acme", repeated, FILES):
        referred = place.commit_row(repeated, request)

    assert referred == KEY
    assert place.state() == (True, False)
    assert not place.artifacts.exists(repeated)


def test_files_with_an_unknown_commit_are_kept_for_a_day(place: Place):
    with pytest.raises(UnavailableError), place.publisher().publish("acme", KEY, FILES):
        raise UnavailableError("The database cannot be reached.")
    at_first = place.state()
    place.let_a_day_pass()

    assert at_first == (True, True)
    assert place.state() == (False, False)


def test_files_whose_commit_happened_without_an_answer_stay_for_good(place: Place):
    with pytest.raises(UnavailableError), place.publisher().publish("acme", KEY, FILES):
        commit_and_raise(place, UnavailableError("The connection was lost."))
    place.let_a_day_pass()

    assert place.state() == (True, False)


@pytest.mark.parametrize("error", [RuntimeError("unforeseen"), KeyboardInterrupt()], ids=["fault", "interrupt"])
def test_nothing_that_fails_after_the_commit_deletes_the_files(place: Place, error: BaseException):
    with pytest.raises(type(error)), place.publisher().publish("acme", KEY, FILES):
        commit_and_raise(place, error)

    assert place.state() == (True, False)


@pytest.mark.parametrize("moment", artifacts_module.FAILPOINTS)
def test_a_fault_while_files_are_written_leaves_none(place: Place, moment: str):
    publisher = place.publisher(fail_at(moment, RuntimeError("unforeseen")))

    with pytest.raises(RuntimeError, match="unforeseen"), publisher.publish("acme", KEY, FILES):
        place.commit_row()

    assert place.state() == (False, False)


@pytest.mark.parametrize("moment", artifacts_module.FAILPOINTS)
def test_a_store_that_is_full_while_files_are_written_holds_none_a_day_later(place: Place, moment: str):
    publisher = place.publisher(fail_at(moment, OSError(errno.ENOSPC, "No space left on device")))

    with pytest.raises(UnavailableError), publisher.publish("acme", KEY, FILES):
        place.commit_row()
    noted = place.deletions.is_noted(KEY)
    place.let_a_day_pass()

    assert noted
    assert place.state() == (False, False)


def test_a_store_that_is_away_when_files_are_to_go_hides_no_error_and_loses_no_note(place: Place):
    class DeletesNothing(ArtifactStore):
        def delete(self, prefix: str) -> None:
            raise UnavailableError("The artifact store cannot be used.")

    publisher = ArtifactPublisher(database=place.database, artifacts=DeletesNothing(place.url))
    with pytest.raises(AlreadyExistsError), publisher.publish("acme", KEY, FILES):
        raise AlreadyExistsError("The request id was used for other content.")
    left = place.state()
    place.let_a_day_pass()

    assert left == (True, True)
    assert place.state() == (False, False)


class LosesReads(Database):
    """A database that can be unavailable for reading."""

    away = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        if self.away:
            raise UnavailableError("The database cannot be reached.")
        with super().read() as session:
            yield session


@pytest.mark.parametrize("committed", [True, False])
def test_a_database_that_goes_away_after_the_commit_changes_nothing_in_its_outcome(
    place: Place, database_url: str, committed: bool
):
    database = LosesReads(database_url)
    with ArtifactPublisher(database=database, artifacts=place.artifacts).publish("acme", KEY, FILES):
        if committed:
            place.commit_row()
        database.away = True
    database.close()
    place.let_a_day_pass()

    assert place.state() == (committed, False)


def test_files_that_the_store_has_lost_are_written_again(place: Place):
    with place.publisher().publish("acme", KEY, FILES):
        place.commit_row()
    place.artifacts.delete(KEY)

    place.publisher().restore(KEY, FILES)
    place.publisher().restore(KEY, {ROWS_FILE: b"never compared with what is there"})

    assert place.artifacts.read(KEY, ROWS_FILE) == b"rows"
