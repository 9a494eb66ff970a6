"""Files that no row refers to are deleted, even after a crash or an outage."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from factories.stored import MOMENT, make_report, make_tuned_model, store_experiment, store_tenant
from foreword.domain.failure import Failure
from foreword.domain.tuned_model import TunedModel
from foreword.errors import UnavailableError
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.keys import checkpoints_key
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.dataset_rows import ROWS_FILE
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.storage.tables import ArtifactDeletionRow
from foreword.storage.workers.queue import JobQueue

MINUTE = timedelta(minutes=1)
FILES = {ROWS_FILE: b"rows"}


class DeletesNothing(ArtifactStore):
    """A store that is unavailable for deletions."""

    def delete(self, prefix: str) -> None:
        raise UnavailableError("The artifact store cannot be used.")


@pytest.fixture
def artifacts(tmp_path) -> ArtifactStore:
    return ArtifactStore(str(tmp_path))


@pytest.fixture
def deletions(database: Database, artifacts: ArtifactStore) -> ArtifactDeletions:
    return ArtifactDeletions(database=database, artifacts=artifacts)


def write(database: Database, deletions: ArtifactDeletions, artifacts: ArtifactStore, artifact: str) -> None:
    deletions.begin_write(store_tenant(database), artifact)
    artifacts.write(artifact, FILES)


def create_dataset(database: Database, artifact: str) -> str:
    made = DatasetRepository(database, "acme").create(
        display_name="complaints", description="", artifact=artifact, content_sha256="ab" * 32,
        blocks_sha256="", row_count=1, byte_size=4, report=make_report(), creator="key-1",
    )  # fmt: skip
    return made.id


def create_tuned_model(database: Database, deletions: ArtifactDeletions, artifacts: ArtifactStore) -> TunedModel:
    store_experiment(database)
    queue = JobQueue(database)
    lease = queue.lease("w", MINUTE)
    model = make_tuned_model(lease.experiment)
    write(database, deletions, artifacts, model.artifact)
    queue.succeed(lease, tuned_model=model, evaluations=(), curve_advice="", compute_seconds=1.0)
    return model


def let_a_day_pass(database: Database) -> None:
    with database.write() as session:
        session.execute(update(ArtifactDeletionRow).values(due_time=MOMENT))


def test_what_was_written_and_never_referred_to_goes_in_a_day(database, deletions, artifacts):
    write(database, deletions, artifacts, "a1")

    deletions.delete_due()
    at_first = artifacts.exists("a1")
    let_a_day_pass(database)
    deletions.delete_due()

    assert at_first
    assert not artifacts.exists("a1")


def test_what_a_dataset_or_a_tuned_model_refers_to_stays(database, deletions, artifacts):
    write(database, deletions, artifacts, "a1")
    create_dataset(database, "a1")
    model = create_tuned_model(database, deletions, artifacts)

    let_a_day_pass(database)
    deletions.delete_due()

    assert artifacts.exists("a1")
    assert artifacts.exists(model.artifact)


def test_the_rows_of_a_deleted_dataset_go_when_the_store_is_back(database, deletions, artifacts, tmp_path):
    write(database, deletions, artifacts, "a1")
    artifact = DatasetRepository(database, "acme").delete(create_dataset(database, "a1"))

    done = ArtifactDeletions(database=database, artifacts=DeletesNothing(str(tmp_path))).delete(artifact)
    left = artifacts.exists("a1")
    deletions.delete_due()

    assert (done, left) == (False, True)
    assert not artifacts.exists("a1")


def test_files_go_although_the_process_died_after_it_dropped_their_row(database, deletions, artifacts, tmp_path):
    checkpoints = CheckpointStore(str(tmp_path), key=b"key")
    model = create_tuned_model(database, deletions, artifacts)
    experiment = store_experiment(database)
    key = checkpoints_key("acme", experiment.id, experiment.create_time)
    queue = JobQueue(database)
    queue.fail(queue.lease("w", MINUTE), Failure(kind="internal", reason="INTERNAL", message="It broke."), 1.0)
    checkpoints.write_checkpoint(key, 1, 1, b"left")

    TunedModelRepository(database, "acme").delete(model.id)
    ExperimentRepository(database, "acme").delete(experiment.id)
    deletions.delete_due()

    assert not artifacts.exists(model.artifact)
    assert checkpoints.latest_checkpoint(key) is None


def test_completed_deletions_are_not_repeated(database, deletions, artifacts):
    write(database, deletions, artifacts, "a1")
    deletions.delete("a1")
    artifacts.write("a1", FILES)

    let_a_day_pass(database)
    deletions.delete_due()

    assert artifacts.exists("a1")
