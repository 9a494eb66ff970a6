"""Consistent limits of message sizes, and errors that name the limit and the remedy."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from factories.api import refused
from factories.clients import DrivenAsyncClient
from factories.servers import RunningServer
from foreword.client import Client
from foreword.client.resources import GenerateResult
from foreword.client.status import call_failure
from foreword.domain.inference import ReturnOptions
from foreword.domain.messages import MAX_REQUEST_BYTES, USUAL_RESPONSE_BYTES
from foreword.errors import ForewordError, InvalidArgumentError, NotFoundError
from foreword.v1 import inference_service_pb2 as pb2
from foreword.v1 import inference_service_pb2_grpc, tune_experiment_service_pb2

BASE = "baseModels/foreword--starter"
CLIENTS = [Client, DrivenAsyncClient]
BRIEF = {"max_new_tokens": 1, "truncate_input_tokens": 4}
CHINESE = "盒子里少了两个螺丝" * 666


@pytest.fixture(scope="module")
def stubs(server: RunningServer) -> Any:
    return server.stubs()


def test_a_batch_of_256_prompts_of_6000_chinese_characters_is_answered_in_one_call(stubs: Any) -> None:
    request = pb2.BatchGenerateRequest(model=BASE, requests=[{"text": CHINESE}] * 256, parameters=BRIEF)
    assert request.ByteSize() > 4 * 2**20

    results = stubs.inference.BatchGenerate(request).results

    assert [result.error.message for result in results if result.HasField("error")] == []
    assert len(results) == 256


@pytest.mark.parametrize("size", [MAX_REQUEST_BYTES + 1, 2 * MAX_REQUEST_BYTES - 1000])
def test_a_request_above_the_limit_is_refused_with_limit_and_remedy(stubs: Any, size: int) -> None:
    texts = [{"text": "x" * 1_000_000}] * (size // 1_000_000)
    request = pb2.BatchGenerateRequest(model=BASE, requests=[*texts, {"text": "x" * (size % 1_000_000)}])

    failure = refused(stubs.inference.BatchGenerate, request)

    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE")
    assert failure.violations.keys() == {"request"}
    assert "16,777,216" in failure.message
    assert "in parts" in failure.message


def test_a_request_to_another_service_is_smaller(stubs: Any) -> None:
    request = tune_experiment_service_pb2.CreateTuneExperimentRequest(tune_experiment={"creator": "x" * 2**21})

    failure = refused(stubs.experiments.CreateTuneExperiment, request)

    assert failure.reason == "MESSAGE_TOO_LARGE"
    assert "2,097,152" in failure.message


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_text_beyond_the_documented_length_is_refused_by_its_own_limit(server: RunningServer, kind: Any) -> None:
    with (
        kind(server.endpoint, "dev") as client,
        pytest.raises(InvalidArgumentError, match="at most 1,000,000 characters, not 5,000,000"),
    ):
        client.generate(BASE, "x" * 5_000_000)


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_refuses_what_the_service_would(server: RunningServer, kind: Any) -> None:
    with (
        kind(server.endpoint, "dev") as client,
        pytest.raises(InvalidArgumentError, match="at most 16,777,216; send shorter texts"),
    ):
        client.generate(BASE, "x" * (MAX_REQUEST_BYTES + 1))


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_sends_any_number_of_prompts_in_order(server: RunningServer, kind: Any) -> None:
    prompts = [f"There are {number} parts missing" for number in range(520)]
    with kind(server.endpoint, "dev") as client:
        results = client.batch_generate(
            BASE, prompts, max_new_tokens=1, return_options=ReturnOptions(input_text=True), timeout_seconds=200.0
        )

    assert [result.input_text for result in results] == prompts


def test_a_client_splits_a_batch_by_its_size(server: RunningServer) -> None:
    prompts = [f"{number} {'x' * 900_000}" for number in range(20)]
    with Client(server.endpoint, "dev") as client:
        results = client.batch_generate(BASE, prompts, **BRIEF, timeout_seconds=200.0)

    assert [type(result) for result in results] == [GenerateResult] * 20


def test_a_prompt_that_is_too_large_by_itself_has_its_error_in_its_place(server: RunningServer) -> None:
    prompts = ["a", "x" * (MAX_REQUEST_BYTES + 1), "b"]
    with Client(server.endpoint, "dev") as client:
        first, large, last = client.batch_generate(BASE, prompts, **BRIEF)

    assert isinstance(first, GenerateResult)
    assert isinstance(last, GenerateResult)
    assert isinstance(large, InvalidArgumentError)
    assert (large.reason, large.metadata["prompts"]) == ("MESSAGE_TOO_LARGE", "1-1")


def test_a_first_part_that_fails_is_raised(server: RunningServer) -> None:
    with Client(server.endpoint, "dev") as client, pytest.raises(NotFoundError):
        client.batch_generate("nobody", ["a"] * 300)


def test_answers_that_do_not_fit_into_the_response_are_refused_in_their_places(stubs: Any) -> None:
    details = {"input_tokens": True, "generated_tokens": True, "top_n_tokens": 20, "token_log_probabilities": True}
    parameters = {"max_new_tokens": 20, "min_new_tokens": 20, "return_options": details}
    requests = [{"text": f"There are {number} parts missing."} for number in range(12)]

    def answered(limit: int) -> tuple[pb2.BatchGenerateResponse, int]:
        request = pb2.BatchGenerateRequest(
            model=BASE, requests=requests, parameters=parameters, max_response_bytes=limit
        )
        response = stubs.inference.BatchGenerate(request)
        return response, len([result for result in response.results if result.HasField("response")])

    whole, count = answered(0)
    assert count == 12
    assert whole.ByteSize() < USUAL_RESPONSE_BYTES
    half, some = answered(whole.ByteSize() // 2)

    assert half.ByteSize() <= whole.ByteSize() // 2
    assert 0 < some < 12
    first, expected = half.results[0].response, whole.results[0].response
    assert [token.text for token in first.input_tokens] == [token.text for token in expected.input_tokens]
    assert len(first.generated_tokens) == len(expected.generated_tokens) == 20
    error = half.results[-1].error
    assert error.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "max_response_bytes" in error.message


def test_the_range_of_the_response_limit_is_checked(stubs: Any) -> None:
    request = pb2.BatchGenerateRequest(model=BASE, requests=[{"text": "x"}], max_response_bytes=2**26 + 1)

    assert refused(stubs.inference.BatchGenerate, request).violations.keys() == {"max_response_bytes"}


def test_an_answer_that_a_client_cannot_take_is_explained(server: RunningServer) -> None:
    """A client of an earlier version has another limit than the service, and the error of gRPC is translated."""
    options = [("grpc.max_receive_message_length", 10)]
    request = pb2.TokenizeRequest(model=BASE, text="one two three", return_tokens=True)
    with grpc.insecure_channel(server.endpoint, options) as channel:
        tokenize = inference_service_pb2_grpc.InferenceServiceStub(channel).Tokenize
        with pytest.raises(grpc.RpcError) as caught:
            tokenize(request, metadata=[("authorization", "Bearer dev")])

    error: ForewordError = call_failure(caught.value, server.endpoint).error
    assert error.reason == "MESSAGE_TOO_LARGE"
    assert "this client accepts at most 10" in error.message
    assert "smaller batches" in error.message


def test_a_request_that_even_grpc_refuses_is_explained(stubs: Any, server: RunningServer) -> None:
    request = pb2.GenerateRequest(model=BASE, text="x" * (2 * MAX_REQUEST_BYTES + 1))
    with pytest.raises(grpc.RpcError) as caught:
        stubs.inference.Generate(request)

    error = call_failure(caught.value, server.endpoint).error
    assert error.reason == "MESSAGE_TOO_LARGE"
    assert "accepts at most 33,554,432" in error.message
