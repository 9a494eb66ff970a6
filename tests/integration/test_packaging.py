"""The wheel: three import roots become plain packages, with everything that they need at run time."""

from __future__ import annotations

import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("a wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", folder, ROOT], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(wheel_path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(wheel_path)


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
        "pluggy",
        "protobuf",
        "rich",
        "tenacity",
    }


def test_an_installed_wheel_names_a_command_that_adds_an_extra_to_it(wheel_path: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    python = tmp_path / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, wheel_path], check=True)

    ask = "from foreword.installation import install_command; print(install_command('plot'))"
    told = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout

    program, verb, *arguments = shlex.split(told)
    assert (program, verb) == ("pip", "install")
    assert arguments == [f"{wheel_path}[plot]"]
    subprocess.run([*pip, "--force-reinstall", *arguments], check=True)
