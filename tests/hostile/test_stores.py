"""The files of tenants are private, and stores that cannot work are refused at the start."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.logs import captured_logs, logging_put_back
from factories.servers import ServerFactory, running_servers
from factories.services import sample_rows
from foreword.cli.application import run
from foreword.client import Client
from foreword.client.adapter_files import write_files
from foreword.errors import InvalidArgumentError, UnavailableError
from foreword.storage.artifacts import outages
from foreword.storage.artifacts.checkpoints import CheckpointStore
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    with running_servers(tmp_path_factory.mktemp("stores")) as factory:
        yield factory


@pytest.fixture
def own_logging() -> Iterator[None]:
    with logging_put_back():
        yield


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let processes create files for everybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_paths(folder: Path) -> list[str]:
    """Return the files and folders that others than the owner can use."""
    found = [folder, *folder.rglob("*")]
    return [str(path) for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077]


def test_everything_that_a_server_writes_is_private(start_server, tmp_path, open_umask):
    folder = tmp_path / "new" / "artifacts"
    server = start_server(
        home=tmp_path / "home",
        artifacts_url=str(folder),
        database_url=f"sqlite:///{tmp_path}/data/foreword.db",
    )
    with Client(server.endpoint, "dev") as client:
        client.upload_dataset(sample_rows(40), display_name="rows")
        CheckpointStore(str(folder), key=b"key").write_checkpoint("tenants/dev/experiments/x", 1, 5, b"checkpoint")

        assert len(list(folder.rglob("*"))) > 5
        assert {path.name for path in (tmp_path / "data").iterdir()} >= {"foreword.db", "foreword.db-wal"}
        assert open_paths(tmp_path / "new") + open_paths(tmp_path / "data") == []


def test_new_artifacts_are_private_in_a_folder_that_stood_open(start_server, tmp_path, open_umask):
    folder = tmp_path / "artifacts"
    folder.mkdir(mode=0o755)
    server = start_server(artifacts_url=str(folder))

    with Client(server.endpoint, "dev") as client:
        client.upload_dataset(sample_rows(40), display_name="rows")

    assert open_paths(folder) == [str(folder)]


def test_exports_and_outputs_of_commands_are_private(start_server, tmp_path, open_umask, monkeypatch):
    monkeypatch.setenv("FOREWORD_ENDPOINT", start_server().endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    folder = tmp_path / "new"
    write_files(folder / "model", {"adapter_config.json": b"{}", "adapter_model.safetensors": b"x"})
    (tmp_path / "texts.jsonl").write_text('{"text": "The lid is missing."}\n')
    command = [
        "classify",
        "baseModels/foreword--starter",
        "--labels",
        "parts,price",
        "--file",
        f"{tmp_path}/texts.jsonl",
    ]

    assert run([*command, "--output", f"{folder}/answers.csv"]) == 0

    assert "The lid is missing." in (folder / "answers.csv").read_text()
    assert open_paths(folder) == []


@pytest.mark.parametrize("place", ["artifacts", "database"])
@pytest.mark.parametrize("command", ["init", "worker"])
def test_a_place_that_stood_open_outside_the_home_is_reported_with_the_remedy(
    tmp_path, capsys, monkeypatch, place, command
):
    artifacts, file = tmp_path / "artifacts", tmp_path / "foreword.db"
    artifacts.mkdir(mode=0o700)
    file.touch(mode=0o600)
    opened = artifacts if place == "artifacts" else file
    opened.chmod(0o755 if place == "artifacts" else 0o644)
    monkeypatch.setenv("FOREWORD_ARTIFACTS_URL", str(artifacts))
    monkeypatch.setenv("FOREWORD_DATABASE_URL", f"sqlite:///{file}")

    monkeypatch.setattr("foreword.scheduling.process.run_worker", lambda settings, until_stdin_closes: None)

    assert run([command, "--home", str(tmp_path / "home")]) == 0

    warnings = re.findall("Warning: .*", capsys.readouterr().err)
    assert len(warnings) == 1
    assert f"every user of this machine can read {opened}," in warnings[0]
    assert re.search(rf"`chmod (-R go-rwx|600) {opened}`", warnings[0])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("memory://x", "begins with memory:, which keeps nothing that another process"),
        ("MEMORY://x", "begins with memory:"),
        ("data:abc", "begins with data:"),
        ("simplecache::file:///x", "joins several stores with `::` (simplecache::file)"),
        ("simplecache::s3://bucket", "joins several stores"),
        ("simplecache://x", "caches another store on this machine"),
        ("dir:///x", "is a wrapper around another store"),
        ("reference://x", "is a wrapper"),
        ("zip:///x.zip", "is an archive"),
        ("https://example.com/x", "cannot be written to"),
        ("cupboard://x", "Protocol not known: cupboard"),
        ("s3://bucket/x", "begins with s3://, whose driver is not installed. Install it with: pip install s3fs"),
        ("gs://bucket/x", "pip install gcsfs"),
        ("abfs://bucket/x", "pip install adlfs"),
    ],
)
@pytest.mark.parametrize("command", ["init", "serve", "worker"])
def test_a_store_that_cannot_work_is_refused_at_the_start_by_name(
    tmp_path, capsys, monkeypatch, own_logging, url, said, command
):
    home = str(tmp_path / "home")
    monkeypatch.setenv("FOREWORD_ARTIFACTS_URL", url)

    assert run([command, "--home", home, *(["--dev", "--port", "0"] if command == "serve" else [])]) == 1

    error = capsys.readouterr().err
    assert "artifacts_url" in error
    assert said in error
    assert "Traceback" not in error
    assert "pip install" in error or "Set FOREWORD_ARTIFACTS_URL to" in error


@pytest.mark.parametrize("name", ["simplecache::file", "memory:", "a::b"])
def test_a_folder_may_have_a_name_like_a_url(tmp_path, name):
    store = ArtifactStore(str(tmp_path / name / "x"))

    store.write("d1", {"file": b"content"})

    assert (tmp_path / name / "x" / "d1" / "file").read_bytes() == b"content"


def test_an_artifacts_folder_that_is_deleted_beneath_a_server_is_unavailable(start_server, tmp_path):
    folder = tmp_path / "artifacts"
    server = start_server(artifacts_url=str(folder))
    with Client(server.endpoint, "dev", retry_seconds=0.1) as client:
        stored = client.upload_dataset(sample_rows(40), display_name="rows")
        shutil.rmtree(folder)

        attempts = (
            lambda: client.upload_dataset(sample_rows(40), display_name="more"),
            lambda: list(client.list_dataset_rows(stored)),
        )
        outages._logged.clear()  # of other tests
        with captured_logs() as logs:
            for attempt in (*attempts, *attempts):
                with pytest.raises(UnavailableError) as raised:
                    attempt()
                assert raised.value.reason == "ARTIFACT_STORE_UNAVAILABLE"
                assert str(folder) not in str(raised.value)

    assert [entry["error"] for entry in logs if entry["event"] == "artifact_store_failed"] == [
        f"[Errno {errno.ENODEV}] its folder is missing: '{folder}'"
    ]
    assert not folder.exists()


def test_a_home_that_is_deleted_beneath_a_server_is_unavailable(start_server, tmp_path):
    server = start_server(home=tmp_path / "home")
    with Client(server.endpoint, "dev", retry_seconds=0.1) as client:
        shutil.rmtree(tmp_path / "home")

        for attempt in (
            lambda: client.upload_dataset(sample_rows(40), display_name="rows"),
            client.list_datasets,
            client.list_tuned_models,
            client.list_tune_experiments,
        ):
            with pytest.raises(UnavailableError):
                list(attempt())

    assert not (tmp_path / "home").exists()


def test_a_path_with_nul_is_a_clear_error_everywhere(start_server, tmp_path, capsys, monkeypatch, own_logging):
    bad = f"{tmp_path}/a\0b"
    endpoint = start_server().endpoint
    with Client(endpoint, "dev") as client:
        for attempt in (
            lambda: client.export_tuned_model("any", bad),
            lambda: client.upload_dataset(bad),
            lambda: client.check_dataset(bad),
            lambda: Client("https://localhost:1", "dev", tls=bad),
            lambda: ArtifactStore(bad),
            lambda: ArtifactStore(f"file://{bad}"),
            lambda: Database(f"sqlite:///{bad}"),
            lambda: Database(Path(bad)),
        ):
            with pytest.raises(InvalidArgumentError, match=r"(?i)nul"):
                attempt()
    monkeypatch.setenv("FOREWORD_ENDPOINT", endpoint)
    monkeypatch.setenv("FOREWORD_API_KEY", "dev")
    for command in (
        ["models", "export", "any", bad],
        ["classify", "baseModels/foreword--starter", "--file", bad],
        ["data", "check", bad],
        ["tune", bad],
        ["init", "--home", bad],
        ["serve", "--home", bad],
        ["worker", "--home", bad],
        ["demo", "--output", bad],
        ["plugins", "new", "acme", "--folder", bad],
    ):
        assert run(command) in (1, 2), command
        error = capsys.readouterr().err
        assert re.search(r"(?i)\bnul\b|null", error), command
        assert "Internal error" not in error, command
