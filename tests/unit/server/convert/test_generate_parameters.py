"""Generation parameters: ranges by field name, and limits from the context of the model."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foreword.domain.inference import GenerateParameters, LengthPenalty, ReturnOptions
from foreword.errors import InvalidArgumentError
from foreword.server.convert.inference import TextRequest, parse_label_request, parse_text_request
from foreword.v1 import inference_pb2, inference_service_pb2


def parse(**parameters) -> TextRequest:
    return parse_text_request(
        inference_service_pb2.GenerateRequest(
            model="complaints", text="Two screws.", parameters=inference_pb2.GenerateParameters(**parameters)
        )
    )


def at_fault(**parameters) -> list[str]:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(**parameters)
    return [item.field for item in caught.value.violations]


def test_what_is_unset_takes_its_default():
    assert parse().parameters == GenerateParameters()


def test_every_parameter_arrives():
    found = parse(
        repetition_penalty=1.5,
        length_penalty={"decay_factor": 1.1, "start_index": 4},
        time_limit={"seconds": 1, "nanos": 500_000_000},
        truncate_input_tokens=64,
        return_options={"input_text": True, "generated_tokens": True, "token_ranks": True, "top_n_tokens": 3},
    ).parameters

    assert found.repetition_penalty == 1.5
    assert found.length_penalty == LengthPenalty(decay_factor=1.1, start_index=4)
    assert found.time_limit == timedelta(seconds=1.5)
    assert found.truncate_input_tokens == 64
    assert found.return_options == ReturnOptions(
        input_text=True, generated_tokens=True, token_ranks=True, top_n_tokens=3
    )


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"repetition_penalty": 0.9}, "repetition_penalty"),
        ({"repetition_penalty": float("nan")}, "repetition_penalty"),
        ({"length_penalty": {"decay_factor": 1.0}}, "length_penalty.decay_factor"),
        ({"length_penalty": {}}, "length_penalty.decay_factor"),
        ({"length_penalty": {"decay_factor": 2, "start_index": -1}}, "length_penalty.start_index"),
        ({"time_limit": {}}, "time_limit"),
        ({"time_limit": {"seconds": 3601}}, "time_limit"),
        ({"time_limit": {"seconds": 2**62}}, "time_limit"),
        ({"truncate_input_tokens": -1}, "truncate_input_tokens"),
        ({"return_options": {"top_n_tokens": 21, "input_tokens": True}}, "return_options.top_n_tokens"),
        ({"return_options": {"token_log_probabilities": True}}, "return_options"),
    ],
)
def test_a_value_out_of_range_is_named(parameters, field: str):
    assert at_fault(**parameters) == [f"parameters.{field}"]


def test_the_default_of_new_tokens_gives_way_to_a_small_context():
    assert parse().fitted(512).max_new_tokens == 128
    assert parse().fitted(64).max_new_tokens == 64


def test_a_value_that_was_set_is_honoured_or_refused():
    assert parse(max_new_tokens=64).fitted(64).max_new_tokens == 64
    with pytest.raises(InvalidArgumentError, match=r"max_new_tokens: must be in \[1, 64\]"):
        parse(max_new_tokens=65).fitted(64)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"min_new_tokens": 65}, "min_new_tokens"),
        ({"truncate_input_tokens": 65}, "truncate_input_tokens"),
        ({"length_penalty": {"decay_factor": 2, "start_index": 65}}, "length_penalty.start_index"),
    ],
)
def test_a_number_of_tokens_beyond_the_context_is_refused(parameters, field: str):
    with pytest.raises(InvalidArgumentError, match=rf"parameters.{field}: must be in \[0, 64\]"):
        parse(**parameters).fitted(64)


def test_classify_cuts_inputs_within_the_context():
    request = inference_service_pb2.ClassifyRequest(model="m", text="x", truncate_input_tokens=65)

    assert parse_label_request(request).fitted(128).truncate_input_tokens == 65
    with pytest.raises(InvalidArgumentError, match=r"truncate_input_tokens: must be in \[0, 64\]"):
        parse_label_request(request).fitted(64)
