"""A prompt that would be too long is refused before it is composed, in little memory and with a short error."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from foreword.domain.templates import MAX_PROMPT
from foreword.errors import InvalidArgumentError
from foreword.server.convert.inference import parse_text_request
from foreword.v1 import inference_service_pb2 as pb2

LONG = "y" * 900_000
USES = "{{a}}" * 190_000
EXAMPLE = {"input": "a", "output": "b"}


def prompt(**fields: Any) -> Any:
    return parse_text_request(pb2.GenerateRequest(model="m", **fields)).prompt


MULTIPLIED: dict[str, dict[str, Any]] = {
    "value in a text": {"text": USES, "prompt_variables": {"a": LONG}},
    "value in a part": {"structured": {"input": USES, "instruction": "x"}, "prompt_variables": {"a": LONG}},
    "value in an unused prefix": {
        "structured": {"input": "{{a}}", "input_prefix": USES, "output_prefix": LONG},
        "prompt_variables": {"a": "x"},
    },
    "prefix before examples": {"structured": {"input": "x", "input_prefix": LONG, "examples": [EXAMPLE] * 1_000}},
    "value in a prefix before examples": {
        "structured": {"input": "x", "output_prefix": "{{a}}" * 100, "examples": [EXAMPLE] * 1_000},
        "prompt_variables": {"a": LONG},
    },
    "examples beyond the limit": {"structured": {"input": "x", "examples": [EXAMPLE] * 500_000}},
    "many values": {"text": "{{a}}", "prompt_variables": {f"a{number}": "x" for number in range(100_000)}},
}


@pytest.mark.parametrize("name", MULTIPLIED)
def test_what_would_multiply_is_refused_in_little_memory(name: str) -> None:
    request = pb2.GenerateRequest(model="m", **MULTIPLIED[name])
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgumentError) as caught:
            parse_text_request(request)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(caught.value.message) < 1_000
    assert peak < 40_000_000


def test_the_error_states_the_length_and_the_limit() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        prompt(**MULTIPLIED["prefix before examples"])

    assert caught.value.message == (
        "structured: must hold at most 1,000,000 characters in total, not 900,913,012; shorten it"
    )


def test_a_prompt_of_the_greatest_length_is_composed() -> None:
    found = prompt(text="{{a}}" * 10, prompt_variables={"a": "x" * (MAX_PROMPT // 10)})
    assert len(found.text) == MAX_PROMPT

    examples = [{"input": "i", "output": "o"}] * 1_000
    structured = prompt(structured={"input": "x", "examples": examples, "input_prefix": "p" * 900})
    assert MAX_PROMPT * 0.9 < len(structured.text) <= MAX_PROMPT


def test_an_unused_prefix_keeps_its_variables() -> None:
    found = prompt(structured={"input": "{{a}}", "input_prefix": "{{a}}: "}, prompt_variables={"a": "x"})

    assert found.text == "x"
