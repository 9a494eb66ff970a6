from __future__ import annotations

import threading

import grpc
import pytest
import torch
from grpc_health.v1 import health_pb2, health_pb2_grpc

from factories.api import answer_of, create_experiment, deployed, refused, upload
from factories.servers import RunningServer
from foreword.domain.answer_calibration import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.v1 import inference_pb2
from foreword.v1 import inference_service_pb2 as pb2

BASE = "baseModels/foreword--starter"
SAMPLE = inference_pb2.GenerateParameters.DECODING_METHOD_SAMPLE
TEXT = "There are multiple missing parts from the package."


@pytest.fixture(scope="module")
def server(start_server) -> RunningServer:
    return start_server()


@pytest.fixture(scope="module")
def stubs(server: RunningServer):
    return server.stubs()


@pytest.fixture(scope="module")
def complaints(server: RunningServer, stubs) -> str:
    """A serving name of a model with labels."""
    deployed(server, stubs, "complaints", verbalizer="classify: {{input}}")
    return "complaints"


def structured(**fields) -> inference_pb2.StructuredPrompt:
    return inference_pb2.StructuredPrompt(**{"input": TEXT, "instruction": "Name the department.", **fields})


def test_greedy_gives_the_same_answer_every_time_with_its_tokens(stubs):
    request = pb2.GenerateRequest(model=BASE, text=TEXT, parameters={"max_new_tokens": 8})

    first, second = (stubs.inference.Generate(request) for _ in range(2))

    assert answer_of(first) == answer_of(second)
    assert first.request_id != second.request_id
    assert first.model_version == BASE
    assert first.usage.input_tokens > 5
    assert 1 <= first.usage.generated_tokens <= 8
    assert first.usage.soft_prompt_tokens == 0
    assert first.stop_reason in (inference_pb2.STOP_REASON_EOS_TOKEN, inference_pb2.STOP_REASON_MAX_TOKENS)


def test_a_drawn_seed_is_returned_and_repeats_the_answer(stubs):
    parameters = {"decoding_method": SAMPLE, "temperature": 1.7, "top_k": 100, "max_new_tokens": 8}
    drawn = stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=TEXT, parameters=parameters))

    again = stubs.inference.Generate(
        pb2.GenerateRequest(model=BASE, text=TEXT, parameters={**parameters, "random_seed": drawn.seed})
    )

    assert answer_of(again) == answer_of(drawn)


def test_a_tuned_model_answers_with_one_of_its_label_sets(stubs, complaints: str):
    answer = stubs.inference.Generate(pb2.GenerateRequest(model=complaints, text=TEXT))

    assert set(answer.text.split(", ")) <= {"Planning", "Service", "Warehouse", "Marketing"}
    assert answer.usage.soft_prompt_tokens == 8
    assert answer.model_version.startswith("tenants/dev/tunedModels/")


def test_generate_and_classify_agree(stubs, complaints: str):
    answer = stubs.inference.Generate(pb2.GenerateRequest(model=complaints, text=TEXT))
    labels = stubs.inference.Classify(pb2.ClassifyRequest(model=complaints, text=TEXT))

    assert ", ".join(labels.labels) == answer.text


def test_classify_returns_every_label_and_the_likeliest_sets(stubs, complaints: str):
    answer = stubs.inference.Classify(pb2.ClassifyRequest(model=complaints, text=TEXT, top_n=2))

    assert {item.label for item in answer.label_probabilities} == {"Planning", "Service", "Warehouse", "Marketing"}
    assert len(answer.label_sets) == 2
    assert answer.label_sets[0].probability >= answer.label_sets[1].probability
    assert list(answer.label_sets[0].labels) == list(answer.labels)
    assert not answer.abstained


def test_a_calibrated_model_gives_the_same_answers_with_the_probabilities_of_its_temperature(server, stubs):
    calibration = AnswerCalibration(
        temperature=2.0, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=38,
        expected_calibration_error_before=0.25, expected_calibration_error_after=0.0625,
    )  # fmt: skip
    dataset = upload(stubs).name
    names = [
        server.tune_by_hand(create_experiment(stubs, dataset).name, text="Route this:", calibration=found)
        for found in (None, calibration)
    ]

    raw, calibrated = (
        stubs.inference.Classify(pb2.ClassifyRequest(model=name, text=TEXT, top_n=100)) for name in names
    )
    texts = [stubs.inference.Generate(pb2.GenerateRequest(model=name, text=TEXT)).text for name in names]

    assert texts[0] == texts[1] == ", ".join(calibrated.labels)
    assert [item.labels for item in calibrated.label_sets] == [item.labels for item in raw.label_sets]
    roots = [item.probability**0.5 for item in raw.label_sets]
    assert [item.probability for item in calibrated.label_sets] == pytest.approx([root / sum(roots) for root in roots])
    assert sum(item.probability for item in calibrated.label_sets) == pytest.approx(1)
    for item in calibrated.label_probabilities:
        parts = [found.probability for found in calibrated.label_sets if item.label in found.labels]
        assert item.probability == pytest.approx(sum(parts))


def test_classify_abstains_where_the_answer_does_not_keep_the_wanted_precision(server, stubs):
    reached, missed = (
        PrecisionThreshold(precision=precision, probability=probability, row_count=20, right_count=19)
        for precision, probability in ((0.8, 0.01), (0.9, 1.0))
    )
    calibration = AnswerCalibration(
        temperature=2.0, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=38,
        expected_calibration_error_before=0.25, expected_calibration_error_after=0.0625, thresholds=(reached, missed),
    )  # fmt: skip
    name = server.tune_by_hand(create_experiment(stubs, upload(stubs).name).name, calibration=calibration)

    def ask(**fields: float) -> pb2.ClassifyResponse:
        return stubs.inference.Classify(pb2.ClassifyRequest(model=name, text=TEXT, **fields))

    assert (ask(min_precision=0.78).abstained, ask(min_precision=0.78).threshold) == (False, 0.01)
    assert (ask(min_precision=0.9).abstained, ask(min_precision=0.9).threshold) == (True, 1.0)
    assert (ask(min_precision=0.8, threshold=1.0).abstained, ask(min_precision=0.8, threshold=1.0).threshold) == (
        True,
        1.0,
    )
    unknown = ask(min_precision=0.95)
    assert unknown.abstained
    assert not unknown.HasField("threshold")
    assert unknown.label_sets == ask().label_sets


def test_a_precision_cannot_be_wanted_of_a_model_without_a_calibration(stubs, complaints: str):
    failure = refused(stubs.inference.Classify, pb2.ClassifyRequest(model=complaints, text=TEXT, min_precision=0.9))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert failure.reason == "CALIBRATION_MISSING"


def test_classify_abstains_below_the_threshold(stubs, complaints: str):
    answer = stubs.inference.Classify(pb2.ClassifyRequest(model=complaints, text=TEXT, threshold=1.0))

    assert answer.abstained
    assert not answer.labels
    assert answer.label_sets


def test_a_base_model_classifies_among_the_labels_of_the_request(stubs):
    answer = stubs.inference.Classify(pb2.ClassifyRequest(model=BASE, text=TEXT, labels=["good", "bad"]))

    assert answer.labels[0] in ("good", "bad")
    assert sum(item.probability for item in answer.label_sets) == pytest.approx(1, abs=1e-6)


def test_a_base_model_without_labels_cannot_classify(stubs):
    failure = refused(stubs.inference.Classify, pb2.ClassifyRequest(model=BASE, text=TEXT))

    assert failure.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "labels" in failure.message


def test_the_pieces_of_a_stream_add_up_to_the_answer(stubs):
    parameters = {"max_new_tokens": 12}
    whole = stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=TEXT, parameters=parameters))
    pieces = list(
        stubs.inference.StreamGenerate(pb2.StreamGenerateRequest(model=BASE, text=TEXT, parameters=parameters))
    )

    assert "".join(piece.text for piece in pieces) == whole.text
    assert pieces[-1].usage == whole.usage
    assert pieces[-1].stop_reason == whole.stop_reason
    assert pieces[-1].model_version == BASE
    assert all(not piece.HasField("usage") for piece in pieces[:-1])


def test_tokenize_counts_the_whole_and_each_part(stubs, complaints: str):
    examples = [inference_pb2.PromptExample(input="The box is torn.", output="Warehouse")]
    answer = stubs.inference.Tokenize(
        pb2.TokenizeRequest(model=complaints, structured=structured(examples=examples), return_tokens=True)
    )
    plain = stubs.inference.Tokenize(pb2.TokenizeRequest(model=BASE, text=TEXT))

    assert len(answer.tokens) == answer.token_count
    assert answer.soft_prompt_tokens == 8
    assert set(answer.part_token_counts) == {"instruction", "examples", "input", "template"}
    assert all(0 < count < answer.token_count for count in answer.part_token_counts.values())
    assert sum(answer.part_token_counts.values()) == answer.token_count
    assert not plain.tokens
    assert not plain.part_token_counts


def test_tokenize_counts_what_generate_uses(stubs, complaints: str):
    for model in (BASE, complaints):
        counted = stubs.inference.Tokenize(pb2.TokenizeRequest(model=model, text=TEXT)).token_count
        used = stubs.inference.Generate(pb2.GenerateRequest(model=model, text=TEXT)).usage.input_tokens
        assert counted == used


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": "tenants/dev/whatever"}, "model"),
        ({"text": ""}, "text"),
        ({"text": "  \n"}, "text"),
        ({"text": "nul\0"}, "text"),
        ({"text": None}, "text"),
        ({"text": "word " * 5_000}, "text"),
        ({"text": "x" * 1_000_001}, "text"),
        ({"parameters": {"temperature": 0.0}}, "parameters.temperature"),
        ({"parameters": {"temperature": 2.1}}, "parameters.temperature"),
        ({"parameters": {"temperature": float("nan")}}, "parameters.temperature"),
        ({"parameters": {"top_p": 0.0}}, "parameters.top_p"),
        ({"parameters": {"top_p": 1.1}}, "parameters.top_p"),
        ({"parameters": {"top_k": -1}}, "parameters.top_k"),
        ({"parameters": {"top_k": 1001}}, "parameters.top_k"),
        ({"parameters": {"random_seed": 2**32}}, "parameters.random_seed"),
        ({"parameters": {"random_seed": -1}}, "parameters.random_seed"),
        ({"parameters": {"max_new_tokens": 0}}, "parameters.max_new_tokens"),
        ({"parameters": {"max_new_tokens": 100_000}}, "parameters.max_new_tokens"),
        ({"parameters": {"min_new_tokens": 129}}, "parameters.min_new_tokens"),
        ({"parameters": {"decoding_method": 9}}, "parameters.decoding_method"),
        ({"parameters": {"stop_sequences": ["a"] * 7}}, "parameters.stop_sequences"),
        ({"parameters": {"stop_sequences": ["a" * 41]}}, "parameters.stop_sequences[0]"),
        ({"parameters": {"stop_sequences": [""]}}, "parameters.stop_sequences[0]"),
    ],
)
def test_a_bad_value_is_named_with_its_field(stubs, fields: dict, field: str):
    values = {name: value for name, value in {"model": BASE, "text": TEXT, **fields}.items() if value is not None}

    for call, message in (
        (stubs.inference.Generate, pb2.GenerateRequest),
        (stubs.inference.StreamGenerate, pb2.StreamGenerateRequest),
    ):
        failure = refused(call, message(**values))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert set(failure.violations) == {field}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"min_precision": 0.99}, "min_precision"),
        ({"min_precision": 0.0}, "min_precision"),
        ({"threshold": 1.1}, "threshold"),
        ({"threshold": -0.1}, "threshold"),
        ({"top_n": 101}, "top_n"),
        ({"labels": ["a", "a"]}, "labels[1]"),
        ({"labels": [""]}, "labels[0]"),
        ({"labels": ["a, b"], "multi_label": True}, "labels[0]"),
        ({"labels": ["x"] * 1001}, "labels"),
        ({"text": "word " * 5_000, "labels": ["a", "b"]}, "text"),
    ],
)
def test_a_bad_value_of_classify_is_named_with_its_field(stubs, fields: dict, field: str):
    failure = refused(stubs.inference.Classify, pb2.ClassifyRequest(**{"model": BASE, "text": TEXT, **fields}))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in failure.violations


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"input": ""}, "structured.input"),
        ({"examples": [{"input": "", "output": "x"}]}, "structured.examples[0].input"),
        ({"instruction": "x" * 1_000_001}, "structured.instruction"),
    ],
)
def test_a_bad_part_of_a_structured_prompt_is_named(stubs, fields: dict, field: str):
    failure = refused(stubs.inference.Generate, pb2.GenerateRequest(model=BASE, structured=structured(**fields)))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in failure.violations


@pytest.mark.parametrize(
    "model",
    [
        "unknown",
        "baseModels/unknown",
        "tenants/dev/tunedModels/unknown",
        "tenants/dev/spaces/default/deployments/unknown",
        "tenants/acme/tunedModels/unknown",
        "tenants/ghost/tunedModels/unknown",
    ],
)
def test_an_unknown_model_is_not_found(stubs, model: str):
    failure = refused(stubs.inference.Generate, pb2.GenerateRequest(model=model, text=TEXT))

    assert failure.code is grpc.StatusCode.NOT_FOUND
    assert failure.resource == model


def test_a_deadline_that_passes_is_reported(stubs):
    request = pb2.GenerateRequest(model=BASE, text=TEXT, parameters={"max_new_tokens": 128, "min_new_tokens": 128})

    failure = refused(stubs.inference.Generate, request, timeout=0.01)

    assert failure.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_request_whose_caller_went_away_leaves_the_engine(server: RunningServer, stubs):
    parameters = {"max_new_tokens": 512, "min_new_tokens": 512}
    stream = stubs.inference.StreamGenerate(pb2.StreamGenerateRequest(model=BASE, text=TEXT, parameters=parameters))
    next(stream)
    assert server.engine.load().running_rows == 1

    stream.cancel()

    stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=TEXT, parameters={"max_new_tokens": 1}))
    assert server.engine.load().running_rows == 0


def test_a_full_engine_states_when_to_try_again(start_server):
    stubs = start_server(max_queued_tokens=1, max_batch_rows=1).stubs()
    failures = []

    def ask() -> None:
        parameters = {"max_new_tokens": 100, "min_new_tokens": 100}
        try:
            stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=TEXT, parameters=parameters))
        except grpc.RpcError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures
    for error in failures:
        failure = refused(_raise, error)
        assert failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failure.retry_seconds is not None


def _raise(error: grpc.RpcError) -> None:
    raise error


def test_tenants_that_ask_at_once_each_get_their_own_model(server: RunningServer):
    tenants = [server.stubs(server.new_key(name)) for name in ("acme", "globex", "initech")]
    versions = [deployed(server, stubs, "shared-name").model for stubs in tenants]
    alone = [stubs.inference.Classify(pb2.ClassifyRequest(model="shared-name", text=TEXT)) for stubs in tenants]
    wrong: list[str] = []

    def ask(place: int, text: str) -> None:
        answer = tenants[place].inference.Classify(pb2.ClassifyRequest(model="shared-name", text=text))
        if answer.model_version != versions[place]:
            wrong.append(answer.model_version)
        if text == TEXT:
            for together, single in zip(answer.label_probabilities, alone[place].label_probabilities, strict=True):
                if abs(together.probability - single.probability) > 1e-3:
                    wrong.append(together.label)

    threads = [
        threading.Thread(target=ask, args=(number % 3, TEXT if number % 2 else f"Another text {number}."))
        for number in range(18)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong


def test_an_answer_returns_its_tokens_and_respects_its_parameters(stubs):
    parameters = {
        "max_new_tokens": 6,
        "min_new_tokens": 6,
        "repetition_penalty": 1.3,
        "truncate_input_tokens": 6,
        "return_options": {"input_text": True, "input_tokens": True, "generated_tokens": True, "top_n_tokens": 2,
                           "token_log_probabilities": True, "token_ranks": True},
    }  # fmt: skip
    whole = stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=TEXT, parameters=parameters))
    *pieces, last = stubs.inference.StreamGenerate(
        pb2.StreamGenerateRequest(model=BASE, text=TEXT, parameters=parameters)
    )

    assert whole.input_text == TEXT
    assert len(whole.input_tokens) == whole.usage.input_tokens == 6
    assert len(whole.generated_tokens) == 6
    assert len({token.id for token in whole.generated_tokens}) > 3
    for token in whole.generated_tokens:
        assert token.log_probability <= 0
        assert token.rank >= 1
        assert [item.log_probability for item in token.top_tokens] == sorted(
            (item.log_probability for item in token.top_tokens), reverse=True
        )
    assert last.generated_tokens == whole.generated_tokens
    assert last.input_text == whole.input_text
    assert not any(piece.generated_tokens or piece.HasField("input_text") for piece in pieces)


def test_a_time_limit_ends_an_answer_instead_of_failing_it(stubs):
    parameters = {"min_new_tokens": 500, "max_new_tokens": 500, "time_limit": {"nanos": 300_000_000}}

    answer = stubs.inference.Generate(pb2.GenerateRequest(model=BASE, text=TEXT, parameters=parameters))

    assert answer.stop_reason == inference_pb2.STOP_REASON_TIME_LIMIT
    assert 0 < answer.usage.generated_tokens < 500


def test_prompt_variables_are_put_in_before_the_template(stubs, complaints: str):
    with_variables = stubs.inference.Classify(
        pb2.ClassifyRequest(model=complaints, text="{{what}} are missing.", prompt_variables={"what": "Parts"})
    )

    plain = stubs.inference.Classify(pb2.ClassifyRequest(model=complaints, text="Parts are missing."))
    assert answer_of(with_variables) == answer_of(plain)


def test_a_long_input_is_classified_by_its_end_when_it_may_be_cut(stubs, complaints: str):
    long = "word " * 2000 + TEXT

    failure = refused(stubs.inference.Classify, pb2.ClassifyRequest(model=complaints, text=long))
    answer = stubs.inference.Classify(pb2.ClassifyRequest(model=complaints, text=long, truncate_input_tokens=100))

    assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.usage.input_tokens == 100


def test_health_reports_that_the_engine_has_lost_its_device(start_server, monkeypatch):
    server = start_server()
    stubs, health = server.stubs(), health_pb2_grpc.HealthStub(server.channel())
    request = pb2.GenerateRequest(model=BASE, text=TEXT, parameters={"max_new_tokens": 2, "min_new_tokens": 2})
    stubs.inference.Generate(request)
    watched = health.Watch(health_pb2.HealthCheckRequest(service="foreword.v1.InferenceService"), timeout=30)
    statuses = [next(watched).status]

    def fault(self, *_):
        self.device = torch.device("meta")  # nothing on it can be read
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(DecodingNetwork, "feed", fault)
    assert refused(stubs.inference.Generate, request, timeout=30).code is grpc.StatusCode.INTERNAL
    statuses += [answer.status for answer in watched]

    assert statuses == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
    assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert refused(stubs.inference.Generate, request, timeout=30).code is grpc.StatusCode.UNAVAILABLE
