"""Checkpoints, of which the newest complete one is found."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from factories.logs import captured_logs
from factories.object_store import object_store_url
from foreword.errors import LeaseLostError, UnavailableError
from foreword.storage.artifacts.checkpoints import Checkpoint, CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore


@pytest.fixture(params=["folder", "object store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of each kind."""
    return str(tmp_path / "artifacts") if request.param == "folder" else object_store_url()


def checkpoint_files(root: Path) -> list[Path]:
    return sorted(root.rglob("*.checkpoint"))


def test_a_run_without_checkpoints_has_none(url):
    assert CheckpointStore(url, key=b"key").latest_checkpoint("acme/e1") is None


def test_the_newest_checkpoint_is_found_and_runs_are_kept_apart(url):
    store = CheckpointStore(url, key=b"key")
    store.write_checkpoint("acme/e1", 1, 9, b"nine")
    store.write_checkpoint("acme/e1", 1, 10, b"ten")
    store.write_checkpoint("acme/e2", 1, 99, b"other")
    assert store.latest_checkpoint("acme/e1") == b"ten"


def test_a_step_checkpointed_again_is_replaced(url):
    store = CheckpointStore(url, key=b"key")
    store.write_checkpoint("e1", 1, 9, b"first")
    store.write_checkpoint("e1", 1, 9, b"second")
    assert store.latest_checkpoint("e1") == b"second"


def test_a_new_run_continues_from_the_checkpoint_of_another_one_until_it_has_its_own(url):
    store = CheckpointStore(url, key=b"key")
    store.write_checkpoint("first", 3, 40, b"forty")

    newest = store.newest_checkpoint("first")
    ArtifactStore(url).write("second", store.first_file("second", newest))
    taken_over = store.newest_checkpoint("second")
    store.write_checkpoint("second", 1, 7, b"its own")

    assert newest == taken_over == Checkpoint(step=40, payload=b"forty")
    assert store.newest_checkpoint("second") == Checkpoint(step=7, payload=b"its own")
    assert store.newest_checkpoint("third") is None


def test_a_late_write_of_an_older_epoch_never_hides_a_newer_epoch(url):
    store = CheckpointStore(url, key=b"key")
    store.write_checkpoint("e1", 2, 5, b"owner")
    for step in (100, 101, 102):
        store.write_checkpoint("e1", 1, step, b"stale")
    assert store.latest_checkpoint("e1") == b"owner"


def test_the_newest_two_are_kept(tmp_path):
    store = CheckpointStore(str(tmp_path), key=b"key")
    for step in range(5):
        store.write_checkpoint("e1", 1, step, b"x")
    assert [path.name for path in checkpoint_files(tmp_path)] == [
        "00000001-000000000003.checkpoint",
        "00000001-000000000004.checkpoint",
    ]


def test_checkpoints_of_other_runs_and_steps_are_not_taken_up(tmp_path):
    store = CheckpointStore(str(tmp_path), key=b"key")
    store.write_checkpoint("e1", 1, 1, b"sound")
    store.write_checkpoint("e2", 1, 2, b"of another run")
    (other,) = (tmp_path / "e2").iterdir()
    (own,) = (tmp_path / "e1").iterdir()
    shutil.copyfile(other, tmp_path / "e1" / other.name)
    shutil.copyfile(own, tmp_path / "e1" / own.name.replace("1.", "3."))

    with captured_logs() as logs:
        found = store.latest_checkpoint("e1")

    assert found == b"sound"
    assert [log["event"] for log in logs] == ["checkpoint_corrupt"] * 2


def test_a_checkpoint_of_somebody_without_the_key_is_not_taken_up(tmp_path):
    CheckpointStore(str(tmp_path), key=b"key").write_checkpoint("e1", 1, 1, b"sound")
    CheckpointStore(str(tmp_path), key=b"guess").write_checkpoint("e1", 1, 2, b"forged")

    assert CheckpointStore(str(tmp_path), key=b"key").latest_checkpoint("e1") == b"sound"


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "longer"])
def test_a_harmed_checkpoint_is_passed_over(tmp_path, harm):
    store = CheckpointStore(str(tmp_path), key=b"key")
    store.write_checkpoint("e1", 1, 1, b"sound" * 100)
    store.write_checkpoint("e1", 1, 2, b"harmed" * 100)
    newest = checkpoint_files(tmp_path)[-1]
    content = newest.read_bytes()
    newest.write_bytes(
        {
            "cut": content[:-1],
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "empty": b"",
            "longer": content + b"x",
        }[harm]
    )
    assert store.latest_checkpoint("e1") == b"sound" * 100


def test_deleted_checkpoints_are_gone_and_deleting_again_changes_nothing(url):
    store = CheckpointStore(url, key=b"key")
    store.write_checkpoint("acme/e1", 1, 1, b"x")
    ArtifactStore(url).delete("acme/e1")
    ArtifactStore(url).delete("acme/e1")
    assert store.latest_checkpoint("acme/e1") is None


def test_a_writer_whose_folder_was_deleted_meanwhile_learns_that_it_lost_the_run(tmp_path):
    store = ArtifactStore(str(tmp_path))

    def owner_ends_the_run(name: str) -> None:
        if name == "artifacts.before_rename":
            store.delete("e1")

    with pytest.raises(LeaseLostError):
        CheckpointStore(str(tmp_path), key=b"key", failpoint=owner_ends_the_run).write_checkpoint("e1", 1, 1, b"x")


def test_a_store_that_is_full_keeps_the_checkpoint_before(tmp_path):
    store = CheckpointStore(str(tmp_path), key=b"key")
    store.write_checkpoint("e1", 1, 1, b"before")

    def full(_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UnavailableError):
        CheckpointStore(str(tmp_path), key=b"key", failpoint=full).write_checkpoint("e1", 1, 2, b"lost")

    assert store.latest_checkpoint("e1") == b"before"
