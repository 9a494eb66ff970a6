"""What Generate asks for, fitted to the context of the model that answers."""

from __future__ import annotations

import pytest

from foreword.errors import InvalidArgumentError
from foreword.server.convert.inference import parse_text_request
from foreword.v1 import inference_pb2, inference_service_pb2


def parse(**parameters):
    return parse_text_request(
        inference_service_pb2.GenerateRequest(
            model="complaints", text="Two screws.", parameters=inference_pb2.GenerateParameters(**parameters)
        )
    )


def test_the_default_of_new_tokens_gives_way_to_a_small_context():
    assert parse().fitted(512).max_new_tokens == 128
    assert parse().fitted(64).max_new_tokens == 64


def test_a_value_that_was_set_is_honoured_or_refused():
    assert parse(max_new_tokens=64).fitted(64).max_new_tokens == 64
    with pytest.raises(InvalidArgumentError, match=r"max_new_tokens: must be in \[1, 64\]"):
        parse(max_new_tokens=65).fitted(64)


def test_a_least_number_of_tokens_beyond_the_context_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"min_new_tokens: must be in \[0, 64\]"):
        parse(min_new_tokens=65).fitted(64)
