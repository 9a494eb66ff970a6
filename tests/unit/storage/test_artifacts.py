"""Artifacts in a folder and in an object store."""

from __future__ import annotations

import errno
import os
import secrets
import threading
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from factories.logs import captured_logs
from factories.object_store import object_store_url
from foreword.errors import AlreadyExistsError, ArtifactError, InvalidArgumentError, UnavailableError
from foreword.storage.artifacts import outages
from foreword.storage.artifacts.store import ArtifactStore

FILES = {"rows.jsonl": b'{"input": "a"}\n', "notes.txt": b""}


class UnreachableFileSystem(MemoryFileSystem):
    """A driver with its own exceptions, like those of object stores."""

    protocol = "unreachable"

    def _fail(self, *_: object, **__: object) -> None:
        class EndpointConnectionError(Exception): ...

        raise EndpointConnectionError("Could not connect to https://bucket.internal")

    cat_file = pipe_file = open = ls = rm = _fail


@pytest.fixture(params=["folder", "object store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of each kind."""
    return str(tmp_path / "artifacts") if request.param == "folder" else object_store_url()


def test_what_was_written_can_be_read(url):
    store = ArtifactStore(url)
    store.write("acme/datasets/d1", FILES)
    assert {name: store.read("acme/datasets/d1", name) for name in FILES} == FILES
    with store.open("acme/datasets/d1", "rows.jsonl") as stream:
        assert stream.read(8) == b'{"input"'


def test_an_artifact_exists_once_it_is_written(url):
    store = ArtifactStore(url)
    assert not store.exists("acme/datasets/d1")
    store.write("acme/datasets/d1", FILES)
    assert store.exists("acme/datasets/d1")
    assert not store.exists("acme/datasets")


def test_writing_the_same_again_changes_nothing(url):
    store = ArtifactStore(url)
    store.write("d1", FILES)
    store.write("d1", FILES)
    assert store.read("d1", "rows.jsonl") == FILES["rows.jsonl"]


@pytest.mark.parametrize("other", [{"rows.jsonl": b"x", "notes.txt": b""}, {"rows.jsonl": FILES["rows.jsonl"]}])
def test_an_artifact_is_never_changed(url, other):
    store = ArtifactStore(url)
    store.write("d1", FILES)
    with pytest.raises(AlreadyExistsError):
        store.write("d1", other)
    assert store.read("d1", "rows.jsonl") == FILES["rows.jsonl"]


@pytest.mark.parametrize(("prefix", "name"), [("d2", "rows.jsonl"), ("d1", "other"), ("d1/rows.jsonl", "x")])
def test_a_missing_file_is_named(url, prefix, name):
    store = ArtifactStore(url)
    store.write("d1", FILES)
    with pytest.raises(ArtifactError, match=f"{prefix}/{name}") as caught:
        store.read(prefix, name)
    assert caught.value.reason == "ARTIFACT_MISSING"


def test_a_deleted_artifact_is_gone_and_deleting_again_changes_nothing(url):
    store = ArtifactStore(url)
    store.write("d1", FILES)
    store.write("d2", FILES)
    store.delete("d1")
    store.delete("d1")
    assert not store.exists("d1")
    assert store.exists("d2")
    with pytest.raises(ArtifactError):
        store.read("d1", "rows.jsonl")


@pytest.mark.parametrize(
    "key", ["", "/etc", "..", "a/../b", "a//b", "a/", ".tmp/x", "a\\b", "a\x00b", "a\n", "~", "a" * 129, "\ud800"]
)
def test_a_key_that_could_leave_the_root_is_refused(url, key):
    store = ArtifactStore(url)
    for attempt in (
        lambda: store.write(key, FILES),
        lambda: store.read(key, "rows.jsonl"),
        lambda: store.read("d1", key),
        lambda: store.exists(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(InvalidArgumentError):
            attempt()


def test_a_link_below_the_root_is_not_followed_out_of_it(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.pem").write_bytes(b"private")
    store = ArtifactStore(str(tmp_path / "artifacts"))
    (tmp_path / "artifacts" / "d1").symlink_to(tmp_path / "secret")
    with pytest.raises(ArtifactError):
        store.read("d1", "key.pem")


def test_racing_writers_of_the_same_content_all_succeed(url):
    barrier = threading.Barrier(8)
    errors: list[BaseException] = []

    def write() -> None:
        store = ArtifactStore(url)
        barrier.wait()
        try:
            store.write("d1", FILES)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert ArtifactStore(url).read("d1", "rows.jsonl") == FILES["rows.jsonl"]


def test_nothing_temporary_stays_behind(tmp_path):
    store = ArtifactStore(str(tmp_path))
    store.write("d1", FILES)
    store.delete("d1")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_is_swept_after_a_day(tmp_path):
    (tmp_path / ".tmp" / "old").mkdir(parents=True)
    (tmp_path / ".tmp" / "new").mkdir()
    os.utime(tmp_path / ".tmp" / "old", (0, 0))
    ArtifactStore(str(tmp_path))
    assert [path.name for path in (tmp_path / ".tmp").iterdir()] == ["new"]


@pytest.mark.parametrize(
    ("url", "said"), [("shelf://x", "not installed. Install shelffs"), ("cupboard://x", "Protocol not known: cupboard")]
)
def test_a_place_that_no_installed_driver_reaches_is_a_fault_of_the_setting(url, said):
    fsspec.register_implementation("shelf", "shelffs.ShelfFileSystem", clobber=True, errtxt="Install shelffs")
    with pytest.raises(InvalidArgumentError, match=said) as caught:
        ArtifactStore(url)
    assert [violation.field for violation in caught.value.violations] == ["artifacts_url"]


def test_a_full_store_is_unavailable_and_what_was_begun_is_gone(tmp_path):
    def full(_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path))

    store = ArtifactStore(str(tmp_path), failpoint=full)

    with pytest.raises(UnavailableError, match=r"No space left on device.*check artifacts_url") as caught:
        store.write("d1", FILES)

    assert caught.value.reason == "ARTIFACT_STORE_UNAVAILABLE"
    assert str(tmp_path) not in caught.value.message
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_store_that_fails_while_a_file_is_read_is_unavailable(url):
    store = ArtifactStore(url)
    store.write("d1", FILES)

    with pytest.raises(UnavailableError), store.open("d1", "rows.jsonl"):
        raise OSError(errno.EIO, "Input/output error")


def test_a_store_out_of_reach_is_unavailable_whatever_its_driver_raises():
    fsspec.register_implementation("unreachable", UnreachableFileSystem, clobber=True)
    store = ArtifactStore("unreachable://bucket")

    for attempt in (
        lambda: store.write("d1", FILES),
        lambda: store.read("d1", "rows.jsonl"),
        lambda: store.delete("d1"),
    ):
        with pytest.raises(UnavailableError) as caught:
            attempt()
        assert caught.value.reason == "ARTIFACT_STORE_UNAVAILABLE"
        assert "bucket.internal" not in caught.value.message


def test_the_log_has_the_cause_of_an_outage_once_and_the_operator_reads_the_path(tmp_path):
    def full(moment):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "artifacts" / secrets.token_hex(4)))

    store = ArtifactStore(tmp_path / "artifacts", failpoint=full)
    messages = []

    outages._logged.clear()  # of other tests
    with captured_logs() as logs:
        for number in range(3):
            with pytest.raises(UnavailableError) as raised:
                store.write(f"artifact-{number}", {"file": b"content"})
            messages.append((raised.value.message, raised.value.operator_message))

    assert [log["event"] for log in logs] == ["artifact_store_failed"]
    assert str(tmp_path) in logs[0]["error"]
    assert "exc_info" not in logs[0]
    assert all(str(tmp_path) not in public and str(tmp_path) in private for public, private in messages)
