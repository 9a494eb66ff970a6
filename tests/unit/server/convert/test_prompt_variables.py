"""Variables of prompts: each has a value and occurs in the prompt, and values are plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.errors import InvalidArgumentError
from foreword.server.convert.inference import parse_count_request, parse_label_request, parse_text_request
from foreword.v1 import inference_service_pb2 as pb2

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)


def prompt(text: str = "", **fields):
    source = {"text": text} if text else {}
    return parse_text_request(pb2.GenerateRequest(model="m", **source, **fields)).prompt


def faults(text: str = "", **fields) -> dict[str, str]:
    with pytest.raises(InvalidArgumentError) as caught:
        prompt(text, **fields)
    return {item.field: item.description for item in caught.value.violations}


def test_values_take_the_places_of_their_names():
    found = prompt("Dear {{ name }}, {{name}} {0, 1} {x}", prompt_variables={"name": "Ann"})

    assert found.text == "Dear Ann, Ann {0, 1} {x}"


def test_every_part_of_a_structured_prompt_has_variables():
    found = prompt(
        structured={
            "instruction": "Answer as {{who}}.",
            "examples": [{"input": "Hi {{who}}", "output": "I am {{who}}"}],
            "input": "{{text}}",
            "input_prefix": "{{label}}: ",
        },
        prompt_variables={"who": "Ann", "text": "Where?", "label": "Question"},
    )

    assert found.text == "Answer as Ann.\n\nQuestion: Hi Ann\nOutput: I am Ann\n\nQuestion: Where?\nOutput:"
    assert found.structured.input == "Where?"


def test_without_variables_a_prompt_is_plain_text():
    assert prompt("Dear {{name}}").text == "Dear {{name}}"


@given(NAMES, st.text(max_size=20))
def test_what_a_value_holds_is_never_a_variable(name: str, value: str):
    value = value.replace("\x00", "") + "{{" + name + "}}"

    assert prompt("<{{" + name + "}}>", prompt_variables={name: value}).text == f"<{value}>"


def test_every_missing_and_every_unused_value_is_named():
    found = faults("{{first}} {{second}} {{third}}", prompt_variables={"second": "x", "fourth": "x", "fifth": "x"})

    assert set(found) == {"prompt_variables", "prompt_variables.fourth", "prompt_variables.fifth"}
    with pytest.raises(
        InvalidArgumentError, match=r"has no value for first, which the prompt contains as \{\{first\}\}"
    ):
        prompt("{{first}} {{second}}", prompt_variables={"second": "x"})


@pytest.mark.parametrize("name", ["", "9lives", "a b", "größe", "x" * 101])
def test_a_name_that_no_prompt_can_hold_is_refused(name: str):
    assert f"prompt_variables.{name[:100]}" in faults("{{a}}", prompt_variables={"a": "x", name: "x"})


def test_a_prompt_is_bounded_before_its_values_are_put_in():
    found = faults("{{a}}" * 100_000, prompt_variables={"a": "x" * 100_000})

    assert "1,000,000 characters" in found["text"]
    assert "prompt_variables" in faults("{{a}}", prompt_variables={f"v{number}": "x" for number in range(101)})


def test_classify_and_tokenize_take_variables_too():
    fields = {"model": "m", "text": "{{a}}!", "prompt_variables": {"a": "Hello"}}

    assert parse_label_request(pb2.ClassifyRequest(**fields)).prompt.text == "Hello!"
    assert parse_count_request(pb2.TokenizeRequest(**fields)).prompt.text == "Hello!"
