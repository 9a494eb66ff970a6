"""The wheel: three import roots become plain packages, with everything that they need at run time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", folder, ROOT], check=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_nothing_is_called_core_plugins_or_bots(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist() if ".dist-info" not in name}

    assert top == {
        "foreword",
        "foreword_huggingface",
        "foreword_methods",
        "foreword_slack",
        "foreword_starter",
        "foreword_tasks",
        "foreword_validators",
    }


def test_it_carries_weights_migrations_samples_stubs_and_types(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()

    for part in (
        "foreword/py.typed",
        "foreword/v1/inference_service_pb2_grpc.py",
        "foreword/v1/inference_service_pb2.pyi",
        "foreword/samples/complaints.jsonl",
        "foreword/storage/migrations/env.py",
        "foreword_starter/weights/model.safetensors.index.json",
        "foreword_starter/MODEL_CARD.md",
        "foreword_methods/py.typed",
        "foreword/testing/__init__.py",
        "foreword/cli/plugins/template/pyproject.toml.in",
        "foreword/cli/plugins/template/tests/test_task.py.in",
    ):
        assert part in names
    assert sum(name.startswith("foreword_starter/weights/model-") for name in names) == 4


def test_how_the_model_is_trained_stays_in_the_source_tree(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist() if name.startswith("foreword_starter/training")]


def test_the_client_needs_none_of_the_server_s_packages(wheel: zipfile.ZipFile) -> None:
    metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    needs = [
        line.removeprefix("Requires-Dist: ")
        for line in wheel.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]

    assert {need.split(">")[0] for need in needs} == {
        "click",
        "googleapis-common-protos",
        "grpcio",
        "grpcio-status",
        "protobuf",
        "rich",
        "tenacity",
    }
