"""Requests made of the descriptors: whatever comes, the answer is never a fault of the service."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.api import create_experiment, deployed, upload
from factories.servers import RunningServer
from foreword.server.app import SERVICES

EXAMPLES = 50
STUBS = {
    "CatalogService": "catalog",
    "DatasetService": "datasets",
    "DeploymentService": "deployments",
    "InferenceService": "inference",
    "TenantService": "tenants",
    "TuneExperimentService": "experiments",
    "TunedModelService": "tuned_models",
}
FAULTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNIMPLEMENTED}

# Names that exist, put in by the fixture: random text would never get beyond the first look-up.
KNOWN = [
    "baseModels/foreword--starter", "tenants/dev", "tenants/ghost", "tenants/dev/spaces/default", "fuzzed",
    "tenants/dev/spaces/default/deployments/fuzzed", "classification", "generation", "prompt_tuning", "starter",
    "{{input}}", "classify {0, 1} {{input}}", "text", "labels", "jsonl", "csv", "adamw", "cosine", "a-b", "x" * 300,
]  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    odd = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
    return st.one_of(st.sampled_from(KNOWN), odd, odd)


def numbers(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return st.one_of(st.floats(), st.sampled_from([0.1, 0.5, 1.0]))
    bits = 31 if field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_ENUM) else 63
    return st.one_of(st.integers(-(2**bits), 2**bits - 1), st.integers(0, 8))


def values(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        return messages(field.message_type, depth - 1)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=200)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return texts()
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    return numbers(field)


@st.composite
def messages(draw: st.DrawFn, type_: Descriptor, depth: int = 4) -> Any:
    message = message_factory.GetMessageClass(type_)()
    for field in type_.fields:
        is_message = field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
        if (is_message and depth <= 0) or not draw(st.booleans()):
            continue
        if is_message and field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(values(field, depth), max_size=3)))
        elif is_message:
            getattr(message, field.name).CopyFrom(draw(values(field, depth)))
        else:
            setattr(message, field.name, draw(values(field, depth)))
    if type_.name == "GenerateParameters":  # as long as it likes would only take time
        message.max_new_tokens = min(message.max_new_tokens, 4)
    return message


def methods() -> list[Any]:
    return [
        pytest.param(service.split(".")[-1], method, id=method.name)
        for service in SERVICES
        for method in descriptor_pool.Default().FindServiceByName(service).methods
    ]


@pytest.fixture(scope="module")
def stubs(start_server) -> Any:
    server: RunningServer = start_server()
    stubs = server.stubs()
    ready = deployed(server, stubs, "fuzzed")
    dataset = upload(stubs)
    KNOWN.extend([dataset.name, ready.model, create_experiment(stubs, dataset.name).name])
    return stubs


@pytest.mark.parametrize(("service", "method"), methods())
def test_no_request_is_answered_with_a_fault_of_the_service(stubs, service: str, method: MethodDescriptor):
    call = getattr(getattr(stubs, STUBS[service]), method.name)
    request = messages(method.input_type)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(request, max_size=4) if method.client_streaming else request)
    def send(sent: Any) -> None:
        try:
            answer = call(iter(sent) if method.client_streaming else sent, timeout=3)
            if method.server_streaming:
                for _ in zip(range(5), answer, strict=False):
                    pass
                answer.cancel()
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            assert code not in FAULTS, details
            assert details or code is grpc.StatusCode.CANCELLED
            assert details != "None"

    send()
