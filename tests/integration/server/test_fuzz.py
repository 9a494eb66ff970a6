"""Random requests from the descriptors, and raw bytes: the response is never an internal error."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.api import create_experiment, deployed, refused, upload
from factories.rpcs import rpc_of
from factories.servers import RunningServer
from foreword.server.registration import SERVICES

EXAMPLES = 50
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
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    stubs = server.stubs()
    ready = deployed(server, stubs, "fuzzed")
    dataset = upload(stubs)
    KNOWN.extend([dataset.name, ready.model, create_experiment(stubs, dataset.name).name])
    return stubs


@pytest.mark.parametrize(("service", "method"), methods())
def test_no_request_is_answered_with_a_fault_of_the_service(stubs, service: str, method: MethodDescriptor):
    call = rpc_of(stubs, method)
    request = messages(method.input_type)

    @settings(
        max_examples=EXAMPLES,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.lists(request, max_size=4) if method.client_streaming else request)
    def send(sent: Any) -> None:
        try:
            # A watch of an experiment that rests lasts until its deadline.
            answer = call(iter(sent) if method.client_streaming else sent, timeout=3 if method.server_streaming else 60)
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


class RawCall:
    """An RPC called with bytes instead of a message."""

    def __init__(self, channel: grpc.Channel, service: str, method: MethodDescriptor) -> None:
        asked = "stream" if method.client_streaming else "unary"
        answered = "stream" if method.server_streaming else "unary"
        self._call = getattr(channel, f"{asked}_{answered}")(f"/foreword.v1.{service}/{method.name}")
        self._method = method

    def __call__(self, data: bytes, key: str | None) -> None:
        metadata = [("authorization", f"Bearer {key}")] if key else []
        answer = self._call(iter([data]) if self._method.client_streaming else data, timeout=60, metadata=metadata)
        if self._method.server_streaming:
            next(iter(answer), None)
            answer.cancel()


@pytest.fixture(scope="module")
def channel(server: RunningServer) -> grpc.Channel:
    return server.channel()


@pytest.mark.parametrize(("service", "method"), methods())
def test_bytes_that_are_no_message_are_refused_as_an_argument(channel, service: str, method: MethodDescriptor):
    failure = refused(RawCall(channel, service, method), b"\xff\xff\xff", "dev")

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"request"}
    assert failure.reason
    assert failure.trailers["x-request-id"]


@pytest.mark.parametrize(("service", "method"), methods())
def test_bytes_without_a_key_are_not_even_parsed(channel, service: str, method: MethodDescriptor):
    failure = refused(RawCall(channel, service, method), b"\xff\xff\xff", None)

    assert failure.code is grpc.StatusCode.UNAUTHENTICATED


def test_text_that_is_not_utf_8_is_refused_as_an_argument(channel):
    method = descriptor_pool.Default().FindServiceByName("foreword.v1.InferenceService").methods_by_name["Generate"]

    failure = refused(RawCall(channel, "InferenceService", method), b"\x0a\x01\xff", "dev")

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "UTF-8" in failure.violations["request"]


@pytest.mark.parametrize(("service", "method"), methods())
def test_no_bytes_are_answered_with_a_fault_of_the_service(channel, service: str, method: MethodDescriptor):
    call = RawCall(channel, service, method)

    @settings(
        max_examples=EXAMPLES,
    )
    @given(st.binary(max_size=60))
    def send(data: bytes) -> None:
        try:
            call(data, "dev")
        except grpc.RpcError as error:
            code, details = error.code(), error.details()
            assert code not in FAULTS, details

    send()
