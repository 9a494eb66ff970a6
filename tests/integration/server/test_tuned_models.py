from __future__ import annotations

import hashlib
import json

import grpc
import pytest

from factories.api import create_experiment, refused, tuned_model, upload
from factories.servers import RunningServer
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.v1 import inference_service_pb2, tuned_model_pb2
from foreword.v1 import tuned_model_service_pb2 as pb2


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


def export(stubs, name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for piece in stubs.tuned_models.ExportTunedModel(pb2.ExportTunedModelRequest(name=name)):
        files[piece.path] = files.get(piece.path, b"") + piece.chunk
    return files


def test_a_tuned_model_states_its_origin(server: RunningServer, stubs):
    name = tuned_model(server, stubs, display_name="origin", verbalizer="classify: {{input}}")

    found = stubs.tuned_models.GetTunedModel(pb2.GetTunedModelRequest(name=name))

    assert found.name == name
    assert found.base_model == "baseModels/foreword--starter"
    assert found.tune_experiment.startswith("tenants/dev/tuneExperiments/")
    assert found.dataset.startswith("tenants/dev/datasets/")
    assert found.verbalizer == "classify: {{input}}"
    assert found.num_virtual_tokens == 8
    assert sorted(found.labels) == ["Marketing", "Planning", "Service", "Warehouse"]


def test_a_tuned_model_states_its_calibration_if_it_has_one(server: RunningServer, stubs):
    calibration = AnswerCalibration(
        temperature=1.5, source=CalibrationSource.HELD_OUT_BEFORE_REFIT, row_count=40, fitted_row_count=38,
        expected_calibration_error_before=0.25, expected_calibration_error_after=0.0625,
        expected_calibration_error_by_chance=0.125, p_value=0.01,
        thresholds=(
            PrecisionThreshold(
                precision=0.9, probability=0.75, row_count=29, right_count=28, label="Service",
                estimated_precision=0.92, precision_lower_bound=0.91,
            ),
        ),
    )  # fmt: skip
    experiment = create_experiment(stubs, upload(stubs).name)
    names = [server.tune_by_hand(experiment.name, calibration=calibration), tuned_model(server, stubs)]

    found, plain = (stubs.tuned_models.GetTunedModel(pb2.GetTunedModelRequest(name=name)) for name in names)

    assert found.answer_calibration == tuned_model_pb2.AnswerCalibration(
        temperature=1.5,
        source=tuned_model_pb2.CALIBRATION_SOURCE_HELD_OUT_BEFORE_REFIT,
        row_count=40,
        fitted_row_count=38,
        expected_calibration_error_before=0.25,
        expected_calibration_error_after=0.0625,
        expected_calibration_error_by_chance=0.125,
        p_value=0.01,
        thresholds=[
            tuned_model_pb2.PrecisionThreshold(
                precision=0.9,
                probability=0.75,
                row_count=29,
                right_count=28,
                label="Service",
                estimated_precision=0.92,
                precision_lower_bound=0.91,
            )
        ],
    )
    assert not plain.HasField("answer_calibration")


def test_an_export_holds_both_files_of_the_adapter(server: RunningServer, stubs):
    name = tuned_model(server, stubs)
    found = stubs.tuned_models.GetTunedModel(pb2.GetTunedModelRequest(name=name))

    files = export(stubs, name)

    assert set(files) == {"adapter_config.json", "adapter_model.safetensors"}
    assert json.loads(files["adapter_config.json"])["peft_type"] == "PROMPT_TUNING"
    assert hashlib.sha256(files["adapter_model.safetensors"]).hexdigest() == found.content_sha256


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_spoilt_artifact_is_not_handed_out(server: RunningServer, stubs, file: str):
    name = tuned_model(server, stubs)
    (folder,) = (server.settings.home / "artifacts").rglob(name.rsplit("/", 1)[1])
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[:-2] + b" " + content[-1:])

    failure = refused(stubs.tuned_models.ExportTunedModel, pb2.ExportTunedModelRequest(name=name))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "ARTIFACT_CORRUPT"
    assert failure.metadata["resource"] == name
    assert file in failure.message


def test_a_model_with_another_configuration_than_was_tuned_does_not_answer(server: RunningServer, stubs):
    name = tuned_model(server, stubs)
    (folder,) = (server.settings.home / "artifacts").rglob(name.rsplit("/", 1)[1])
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps({**config, "inference_mode": False}))

    failure = refused(stubs.inference.Generate, inference_service_pb2.GenerateRequest(model=name, text="Two screws."))

    assert failure.reason == "ARTIFACT_CORRUPT"


def test_tuned_models_are_listed_newest_first(server: RunningServer, stubs):
    names = [tuned_model(server, stubs) for _ in range(2)]

    page = stubs.tuned_models.ListTunedModels(pb2.ListTunedModelsRequest(page_size=2))

    assert [model.name for model in page.tuned_models] == names[::-1]
    assert page.next_page_token


def test_a_deleted_model_is_gone_with_its_files(server: RunningServer, stubs):
    name = tuned_model(server, stubs)

    stubs.tuned_models.DeleteTunedModel(pb2.DeleteTunedModelRequest(name=name))

    for call, request in (
        (stubs.tuned_models.GetTunedModel, pb2.GetTunedModelRequest(name=name)),
        (stubs.tuned_models.ExportTunedModel, pb2.ExportTunedModelRequest(name=name)),
        (stubs.tuned_models.DeleteTunedModel, pb2.DeleteTunedModelRequest(name=name)),
    ):
        assert refused(call, request).code is grpc.StatusCode.NOT_FOUND
    assert not list((server.settings.home / "artifacts").rglob(name.rsplit("/", 1)[1]))
