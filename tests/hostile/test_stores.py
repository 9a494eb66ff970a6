"""The files of tenants are private, and stores that cannot work are refused at the start."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from factories.servers import ServerFactory, running_servers
from factories.services import sample_rows
from foreword.cli.application import run
from foreword.client import Client
from foreword.client.adapter_files import write_files
from foreword.storage.checkpoints import CheckpointStore


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    with running_servers(tmp_path_factory.mktemp("stores")) as factory:
        yield factory


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
        CheckpointStore(str(folder)).write_checkpoint("tenants/dev/experiments/x", 1, 5, b"checkpoint")

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
def test_a_place_that_stood_open_outside_the_home_is_reported_with_the_remedy(tmp_path, capsys, monkeypatch, place):
    artifacts, file = tmp_path / "artifacts", tmp_path / "foreword.db"
    artifacts.mkdir(mode=0o700)
    file.touch(mode=0o600)
    opened = artifacts if place == "artifacts" else file
    opened.chmod(0o755 if place == "artifacts" else 0o644)
    monkeypatch.setenv("FOREWORD_ARTIFACTS_URL", str(artifacts))
    monkeypatch.setenv("FOREWORD_DATABASE_URL", f"sqlite:///{file}")

    assert run(["init", "--home", str(tmp_path / "home")]) == 0

    warnings = re.findall("Warning: .*", capsys.readouterr().err)
    assert len(warnings) == 1
    assert f"every user of this machine can read {opened}," in warnings[0]
    assert re.search(rf"`chmod (-R go-rwx|600) {opened}`", warnings[0])
