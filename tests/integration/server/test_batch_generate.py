"""Many requests in one call: in order, each with its own result."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2

from factories.api import answer_of, deployed, refused
from factories.servers import RunningServer
from foreword.v1 import inference_service_pb2 as pb2

BASE = "baseModels/foreword--starter"


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


def violated(result: pb2.BatchGenerateResult) -> list[str]:
    """Return the invalid fields of one result."""
    detail = error_details_pb2.BadRequest()
    assert any(item.Unpack(detail) for item in result.error.details if item.Is(detail.DESCRIPTOR))
    return [item.field for item in detail.field_violations]


def test_every_request_is_answered_as_it_is_alone_and_in_its_place(stubs):
    texts = [f"There are {number} parts missing." for number in range(40)]

    batch = stubs.inference.BatchGenerate(
        pb2.BatchGenerateRequest(
            model=BASE, requests=[{"text": text} for text in texts], parameters={"max_new_tokens": 4}
        )
    )
    alone = [
        stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=text, parameters={"max_new_tokens": 4}))
        for text in (texts[0], texts[-1])
    ]

    assert len(batch.results) == 40
    first, last = batch.results[0].response, batch.results[-1].response
    assert [answer_of(first), answer_of(last)] == [answer_of(item) for item in alone]
    assert first.request_id.removesuffix("/0") == last.request_id.removesuffix("/39")


def test_a_batch_that_is_larger_than_the_queue_is_answered_whole(start_server):
    narrow = start_server(max_queued_tokens=40)

    results = (
        narrow.stubs()
        .inference.BatchGenerate(
            pb2.BatchGenerateRequest(
                model=BASE,
                requests=[{"text": f"There are {number} parts missing."} for number in range(24)],
                parameters={"max_new_tokens": 4},
            )
        )
        .results
    )

    assert [result.error.message for result in results if result.HasField("error")] == []


def test_a_request_may_bring_its_own_model_and_parameters(server: RunningServer, stubs):
    deployed(server, stubs, "batched")

    own, shared = stubs.inference.BatchGenerate(
        pb2.BatchGenerateRequest(
            model=BASE,
            requests=[{"model": "batched", "text": "x"}, {"text": "x", "parameters": {"max_new_tokens": 1}}],
            parameters={"max_new_tokens": 3},
        )
    ).results

    assert own.response.model_version.startswith("tenants/dev/tunedModels/")
    assert shared.response.model_version == BASE
    assert shared.response.usage.generated_tokens == 1


def test_a_faulty_request_has_its_error_and_spoils_no_other(stubs):
    results = stubs.inference.BatchGenerate(
        pb2.BatchGenerateRequest(
            model=BASE,
            requests=[
                {"text": "x", "parameters": {"temperature": 3, "max_new_tokens": 2}},
                {"text": "x", "parameters": {"max_new_tokens": 2}},
                {"text": "word " * 1000},
                {"model": "nobody", "text": "x"},
                {"text": ""},
            ],
        )
    ).results

    assert violated(results[0]) == ["parameters.temperature"]
    assert results[1].response.usage.generated_tokens <= 2
    assert violated(results[2]) == ["text"]
    assert results[3].error.code == grpc.StatusCode.NOT_FOUND.value[0]
    assert violated(results[4]) == ["text"]


def test_requests_that_miss_the_deadline_have_an_error_and_the_rest_arrives(stubs):
    requests = [
        {"text": f"{number} parts.", "parameters": {"min_new_tokens": 400, "max_new_tokens": 400}}
        for number in range(200)
    ]
    requests[0] = {"text": "x", "parameters": {"max_new_tokens": 1}}

    results = stubs.inference.BatchGenerate(pb2.BatchGenerateRequest(model=BASE, requests=requests), timeout=15).results

    assert results[0].response.usage.generated_tokens == 1
    assert results[-1].error.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [{"text": "x"}] * 257}, "requests"),
        ({"requests": [{"text": "x"}], "parameters": {"top_p": 2}}, "parameters.top_p"),
    ],
)
def test_what_concerns_all_fails_the_call(stubs, fields, at_fault: str):
    failure = refused(stubs.inference.BatchGenerate, pb2.BatchGenerateRequest(model=BASE, **fields))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {at_fault}


def test_a_request_without_any_model_names_the_field(stubs):
    (result,) = stubs.inference.BatchGenerate(pb2.BatchGenerateRequest(requests=[{"text": "x"}])).results

    assert violated(result) == ["model"]
