"""The .proto files: lint, up-to-date stubs, and comments that are consistent with the code."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import FieldDescriptor

from foreword import errors
from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.inference.interfaces import EngineClient
from foreword.server.calls.status import CODES
from foreword.storage.lists.list_specs import LISTS, ListSpec
from foreword.v1 import dataset_service_pb2, dataset_service_pb2_grpc, inference_pb2, inference_service_pb2_grpc

ROOT = Path(__file__).parents[2]


def test_the_checked_in_stubs_are_up_to_date(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True)

    fresh = {path.name: path.read_bytes() for path in (tmp_path / "foreword" / "v1").iterdir()}
    stubs = ROOT / "core" / "foreword" / "v1"
    checked_in = {path.name: path.read_bytes() for path in stubs.glob("*_pb2*")}
    assert fresh.keys() == checked_in.keys(), "run: make proto"
    assert [name for name in fresh if fresh[name] != checked_in[name]] == [], "run: make proto"


def buf(*arguments: str) -> str:
    """Run buf in `proto/` and return its output, which is empty if it finds no problem."""
    command = [Path(sys.executable).parent / "buf", *arguments]
    result = subprocess.run(command, cwd=ROOT / "proto", capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_proto_files_pass_buf_lint() -> None:
    assert buf("lint") == ""


def test_buf_ignores_googleapis_when_it_looks_for_breaking_changes(tmp_path: Path) -> None:
    earlier = tmp_path / "proto"
    shutil.copytree(ROOT / "proto", earlier)
    vendored = earlier / "google" / "rpc" / "status.proto"
    vendored.write_text(vendored.read_text().replace("int32 code = 1;", "int64 code = 1;"))

    assert buf("breaking", "--against", str(earlier)) == ""


def test_the_folder_proto_is_self_contained(tmp_path: Path) -> None:
    sources = [str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto").rglob("*.proto")]
    # Like every protoc, it adds only its own folder of well-known types.
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"-o{tmp_path / 'image.binpb'}", "--include_imports"]

    subprocess.run([*protoc, *sources], cwd=ROOT / "proto", check=True)

    assert len([name for name in sources if name.startswith("foreword/v1/")]) > 10


def test_files_from_googleapis_match_the_installed_modules(tmp_path: Path) -> None:
    buf("build", "--output", str(tmp_path / "image.binpb"))
    image = descriptor_pb2.FileDescriptorSet.FromString((tmp_path / "image.binpb").read_bytes())
    vendored = {file.name: file for file in image.file if file.name.startswith(("google/api/", "google/rpc/"))}
    licence = (ROOT / "proto" / "google" / "LICENSE").read_text()

    assert vendored.keys() == {
        str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto" / "google").rglob("*.proto")
    }
    for name, file in vendored.items():
        installed = descriptor_pb2.FileDescriptorProto()
        importlib.import_module(name.removesuffix(".proto").replace("/", ".") + "_pb2").DESCRIPTOR.CopyToProto(
            installed
        )
        file.ClearField("source_code_info")
        assert re.sub(r" *json_name: .*\n", "", str(file)) == str(installed)
    assert "Apache License" in licence


@pytest.mark.parametrize("method", ["UploadDataset", "CheckDataset"])
def test_the_comment_lists_the_parts_of_a_file_and_the_error_for_a_large_one(method: str) -> None:
    comment = getattr(dataset_service_pb2_grpc.DatasetServiceServicer, method).__doc__

    parts = dataset_service_pb2.UploadDatasetRequest.DESCRIPTOR.oneofs_by_name["content"].fields
    assert [part.name for part in parts if not re.search(rf"\b{part.name}\b", comment)] == []
    assert "DATASET_TOO_LARGE" in comment


def test_the_inference_service_documents_every_error_of_the_engine() -> None:
    comment = inference_service_pb2_grpc.InferenceServiceServicer.__doc__
    promised = set(re.findall(r"\b\w+Error\b", EngineClient.__doc__)) - {"InternalError"}  # any RPC may fail so

    codes = {CODES[getattr(errors, name).kind].name for name in promised}
    assert len(codes) > 3
    assert [code for code in sorted(codes) if code not in comment] == []


def test_the_catalog_documents_parameters_that_are_sent_in_another_form() -> None:
    text = (ROOT / "proto" / "foreword" / "v1" / "catalog_service.proto").read_text()
    comment = re.search(r"((?: *//.*\n)+) *repeated ParameterSpec generate_parameters", text)[1]

    other = [spec.name for spec in GENERATE_PARAMETER_SPECS if spec.type != _type_on_the_wire(spec.name)]
    assert other == ["decoding_method", "time_limit"]
    assert [name for name in other if f"`{name}`" not in comment] == []


def _type_on_the_wire(path: str) -> str | None:
    """Return the type of a field of GenerateParameters as a ParameterSpec names it, or None."""
    message = inference_pb2.GenerateParameters.DESCRIPTOR
    *outer, last = path.split(".")
    for name in outer:
        message = message.fields_by_name[name].message_type
    field = message.fields_by_name[last]
    if field.is_repeated:
        return "string_list" if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else None
    return {
        FieldDescriptor.CPPTYPE_INT32: "int",
        FieldDescriptor.CPPTYPE_INT64: "int",
        FieldDescriptor.CPPTYPE_DOUBLE: "float",
        FieldDescriptor.CPPTYPE_BOOL: "bool",
        FieldDescriptor.CPPTYPE_STRING: "string",
    }.get(field.cpp_type)


LIST_SERVICES = {
    "datasets": ("dataset_service.proto", "ListDatasetsRequest"),
    "tuneExperiments": ("tune_experiment_service.proto", "ListTuneExperimentsRequest"),
    "batchJobs": ("batch_job_service.proto", "ListBatchJobsRequest"),
    "evaluations": ("evaluation_service.proto", "ListEvaluationsRequest"),
    "tuneSweeps": ("tune_sweep_service.proto", "ListTuneSweepsRequest"),
    "tunedModels": ("tuned_model_service.proto", "ListTunedModelsRequest"),
    "spaces": ("deployment_service.proto", "ListSpacesRequest"),
    "capturedRequests": ("capture_service.proto", "ListCapturedRequestsRequest"),
    "deployments": ("deployment_service.proto", "ListDeploymentsRequest"),
    "tenants": ("tenant_service.proto", "ListTenantsRequest"),
    "apiKeys": ("tenant_service.proto", "ListApiKeysRequest"),
    "savedPrompts": ("saved_prompt_service.proto", "ListSavedPromptsRequest"),
    "versions": ("saved_prompt_service.proto", "ListSavedPromptVersionsRequest"),
    "webhooks": ("webhook_service.proto", "ListWebhooksRequest"),
    "auditRecords": ("audit_service.proto", "ListAuditRecordsRequest"),
    "usage": ("usage_service.proto", "ListUsageRequest"),
    "deliveries": ("webhook_service.proto", "ListWebhookDeliveriesRequest"),
}


@pytest.mark.parametrize("spec", LISTS, ids=lambda spec: spec.name)
def test_comments_of_lists_name_the_fields_to_filter_and_sort_by(spec: ListSpec[Any]) -> None:
    file, message = LIST_SERVICES[spec.name]
    request = (ROOT / "proto" / "foreword" / "v1" / file).read_text().partition(f"message {message} {{")[2]
    filters, _, rest = request.partition("  string filter")
    orders = rest.partition("  string order_by")[0]

    assert named_in(filters.partition("Fields: ")[2]) >= set(spec.fields)
    sortable = named_in(orders.partition("At most")[2])
    assert sortable == {name for name, field in spec.fields.items() if field.sortable}


def named_in(comment: str) -> set[str]:
    """Return the names in backticks."""
    return set(re.findall(r"`(\w+)`", comment.replace("\n  //", "")))
