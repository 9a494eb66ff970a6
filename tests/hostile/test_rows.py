"""Somebody who can write to the artifact store changes files there; every reader notices."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from google.rpc import error_details_pb2

from benchmarks.checks import KINDS, mebibytes, write_file
from factories.api import (
    create_experiment,
    deployment_request,
    experiment_request,
    make_file,
    refused,
    tuned_model,
    upload,
    wait_for_deployment,
)
from factories.servers import RunningServer
from foreword.cli.demo.service import LocalService
from foreword.scheduling.worker import Worker
from foreword.scheduling.workshop import Workshop
from foreword.v1 import dataset_service_pb2, inference_service_pb2, tune_experiment_service_pb2, tuned_model_service_pb2


def flip(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_a_line(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes().removesuffix(b"\n").rpartition(b"\n")[0] + b"\n")


def append(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"input": "More", "output": "Service"}\n')


def relabel(path: Path, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Warehouse", b"Marketing") if b"Warehouse" in content else content[::-1])


def exchange(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


Harm = Callable[[Path, Path], None]
HARMS = (flip, cut, append, relabel, exchange)


def files_of(server: RunningServer, folder: str) -> dict[str, Path]:
    """Return the files of an artifact by name."""
    found = [path for path in (server.settings.home / "artifacts").rglob("*") if path.is_file() and folder in str(path)]
    return {path.name: path for path in found}


class StopWhenIdle(threading.Event):
    """A stop event that is set as soon as the worker would pause."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


@pytest.fixture(scope="module")
def other_rows(server: RunningServer, stubs) -> dict[str, Path]:
    """The files of another dataset with the same number of rows."""
    content = make_file().replace(b"Planning", b"Research")
    return files_of(server, upload(stubs, content, display_name="other").content_sha256)


@pytest.fixture(scope="module")
def other_adapter(server: RunningServer, stubs) -> dict[str, Path]:
    return files_of(server, tuned_model(server, stubs).rsplit("/", 1)[1])


def page(server: RunningServer, stubs, dataset: str) -> str:
    return refused(stubs.datasets.ListDatasetRows, dataset_service_pb2.ListDatasetRowsRequest(name=dataset)).reason


def plan(server: RunningServer, stubs, dataset: str) -> str:
    return refused(stubs.experiments.CreateTuneExperiment, experiment_request(dataset, validate_only=True)).reason


READERS_OF_ROWS = (page, plan)


def make_dataset(server: RunningServer, stubs, name: str) -> tuple[str, dict[str, Path]]:
    """Upload unique rows and return the name of the dataset and its files."""
    content = make_file() + b'{"input": "The last row of %s", "output": "Service"}\n' % name.encode()
    dataset = upload(stubs, content, display_name=name)
    return dataset.name, files_of(server, dataset.content_sha256)


@pytest.mark.parametrize("reader", READERS_OF_ROWS, ids=lambda reader: reader.__name__)
@pytest.mark.parametrize("harm", [*HARMS, cut_a_line], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("file", ["rows.jsonl", "rows.blocks.json"])
def test_changed_rows_are_not_read(server, stubs, other_rows, file: str, harm: Harm, reader):
    name, files = make_dataset(server, stubs, f"{file} {harm.__name__} {reader.__name__}")

    harm(files[file], other_rows[file])

    assert reader(server, stubs, name) == "ARTIFACT_CORRUPT"


@pytest.mark.parametrize("reader", READERS_OF_ROWS, ids=lambda reader: reader.__name__)
def test_rows_that_were_exchanged_together_with_their_hashes_are_not_read(server, stubs, other_rows, reader):
    name, files = make_dataset(server, stubs, f"both {reader.__name__}")

    for file, path in files.items():
        exchange(path, other_rows[file])

    assert reader(server, stubs, name) == "ARTIFACT_CORRUPT"


@pytest.mark.parametrize("harm", [*HARMS, cut_a_line], ids=lambda harm: harm.__name__)
def test_a_run_on_changed_rows_fails_and_names_the_dataset(server, stubs, other_rows, harm: Harm):
    name, files = make_dataset(server, stubs, f"run {harm.__name__}")
    experiment = create_experiment(stubs, name)

    harm(files["rows.jsonl"], other_rows["rows.jsonl"])
    work(server)

    found = stubs.experiments.GetTuneExperiment(
        tune_experiment_service_pb2.GetTuneExperimentRequest(name=experiment.name)
    )
    assert found.state == found.STATE_FAILED
    assert f"The stored rows of {name} are not those that were uploaded. Upload the file again" in found.error.message


def work(server: RunningServer) -> None:
    """Run a worker until the queue is empty."""
    workshop = Workshop(
        settings=server.settings,
        plugins=server.plugins,
        database=server.database,
        artifacts=server.artifacts,
        checkpoints=server.checkpoints,
        queue=server.queue,
    )
    Worker(workshop).run(StopWhenIdle())


def export(server: RunningServer, stubs, model: str) -> str:
    return refused(
        stubs.tuned_models.ExportTunedModel, tuned_model_service_pb2.ExportTunedModelRequest(name=model)
    ).reason


def classify(server: RunningServer, stubs, model: str) -> str:
    request = inference_service_pb2.ClassifyRequest(model=model, text="Where is it?")
    return refused(stubs.inference.Classify, request).reason


def probe(server: RunningServer, stubs, model: str) -> str:
    deployment = wait_for_deployment(stubs, stubs.deployments.CreateDeployment(deployment_request(model)).name)
    assert deployment.state == deployment.STATE_FAILED
    info = error_details_pb2.ErrorInfo()
    assert deployment.error.details[0].Unpack(info)
    return info.reason


@pytest.mark.parametrize("reader", [export, classify, probe], ids=lambda reader: reader.__name__)
@pytest.mark.parametrize(
    ("file", "harm"),
    [
        *(("adapter_model.safetensors", harm) for harm in HARMS),
        *(("adapter_config.json", harm) for harm in HARMS if harm is not exchange),  # all adapters have the same one
    ],
    ids=lambda item: item if isinstance(item, str) else item.__name__,
)
def test_a_changed_adapter_is_not_read(server, stubs, other_adapter, file: str, harm: Harm, reader):
    name = tuned_model(server, stubs)
    files = files_of(server, name.rsplit("/", 1)[1])

    harm(files[file], other_adapter[file])

    assert reader(server, stubs, name) == "ARTIFACT_CORRUPT"


@pytest.mark.soak
@pytest.mark.parametrize("rpc", ["check", "upload"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_file_is_read_within_500_megabytes_of_the_whole_server(tmp_path: Path, kind: str, rpc: str):
    file = tmp_path / "rows.jsonl"
    write_file(file, KINDS[kind], byte_count=200_000_000)

    with LocalService(tmp_path / "home") as service, service.client() as client:
        if rpc == "check":
            client.check_dataset(file)
        else:
            client.upload_dataset(file, display_name="largest")
        peak = mebibytes(service.pid, "VmHWM")

    assert peak * 2**20 < 500_000_000
