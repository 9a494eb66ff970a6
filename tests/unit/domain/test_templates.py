"""Templates are refused if they multiply a text, and lengths are known before anything is composed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.prompt import PromptExample, StructuredPrompt, compose_to_fit
from foreword.domain.templates import (
    MAX_INPUT,
    apply_verbalizer,
    check_variables,
    check_verbalizer,
    fill_variables,
    filled_length,
    verbalized_length,
)
from foreword.errors import InvalidArgumentError

PIECES = st.lists(
    st.sampled_from(["{{a}}", "{{ b }}", "{{input}}", "{{unknown}}", "{{", "}}", "{0, 1}", "word ", "\N{BALLOON}"]),
    max_size=6,
).map("".join)
VALUES = st.fixed_dictionaries({"a": st.text(max_size=5), "b": PIECES})


def refusal(template: str) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        check_verbalizer(template, "verbalizer")
    assert [violation.field for violation in caught.value.violations] == ["verbalizer"]
    return caught.value.message


@pytest.mark.parametrize("template", ["{{input}}", "classify {0, 1}: {{ input }}", "{{{input}}}"])
def test_a_template_with_one_input_is_accepted(template: str) -> None:
    check_verbalizer(template, "verbalizer")


def test_a_template_that_repeats_the_input_is_refused_with_the_second_place_and_the_remedy() -> None:
    assert refusal("{{input}} and {{ input }}") == (
        "verbalizer: contains {{input}} 2 times, the second time at character 15; keep one of them"
    )
    assert "2,222 times, the second time at character 10" in refusal("{{input}}" * 2_222)


def test_unknown_variables_are_named_but_not_thousands_of_them() -> None:
    message = refusal(
        "{{input}}" + "".join(f"{{{{v{number:04}}}}}" for number in range(2_000)) + f"{{{{{'w' * 900}}}}}"
    )

    assert "{{v0000}}, {{v0001}}" in message
    assert "and 1,991 more; use only {{input}}" in message
    assert len(message) < 300


def test_variables_without_values_are_named_but_not_thousands_of_them() -> None:
    text = "".join(f"{{{{v{number:05}}}}}" for number in range(20_000)) + f"{{{{{'v' * 100_000}}}}}"

    with pytest.raises(InvalidArgumentError) as caught:
        check_variables([text], {"w" * 5_000: "x"}, "prompt_variables")

    assert len(caught.value.violations) == 12
    assert "has no values for 19,991 more variables" in caught.value.violations[10].description
    assert len(caught.value.message) < 2_000


@given(PIECES, VALUES)
def test_the_length_of_a_filled_text_is_known_before_it_is_filled(text: str, values: dict[str, str]) -> None:
    assert filled_length(text, values) == len(fill_variables(text, values))


@given(PIECES, PIECES)
def test_the_length_of_an_input_is_known_before_its_template_is_applied(template: str, text: str) -> None:
    assert verbalized_length(template, len(text)) == len(apply_verbalizer(template, text))


@given(PIECES, PIECES, st.lists(st.builds(PromptExample, input=PIECES, output=PIECES), max_size=3), PIECES, VALUES)
def test_the_length_of_a_structured_prompt_is_known_before_it_is_composed(
    text: str, instruction: str, examples: list[PromptExample], prefix: str, values: dict[str, str]
) -> None:
    prompt = StructuredPrompt(
        input=text, instruction=instruction, examples=tuple(examples), input_prefix=prefix, output_prefix=prefix
    )

    assert len(prompt.compose()) <= prompt.composed_length()
    assert len(prompt.filled(values).compose()) <= prompt.composed_length(lambda part: filled_length(part, values))


def test_the_length_of_a_prompt_with_all_parts_is_exact() -> None:
    examples = (PromptExample(input="{{a}}", output="2"), PromptExample(input="3", output="{{a}}{{a}}"))
    prompt = StructuredPrompt(input="{{a}}", instruction="Add.", examples=examples, output_prefix="Sum:")

    length = prompt.composed_length(lambda part: filled_length(part, {"a": "1234567890"}))

    assert length == len(prompt.filled({"a": "1234567890"}).compose())


def test_a_stored_template_that_multiplies_a_text_is_bounded() -> None:
    with pytest.raises(InvalidArgumentError, match="of 400,000,000 characters") as caught:
        apply_verbalizer("{{input}}" * 400, "x" * 1_000_000)

    assert caught.value.reason == "TEXT_TOO_LONG"
    assert len(apply_verbalizer("{{input}} {{input}}", "x" * (MAX_INPUT // 2 - 1))) < MAX_INPUT


def test_an_input_that_is_far_too_long_is_cut_before_it_is_tokenized() -> None:
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text.split())

    fitting = compose_to_fit("word " * 200_000, 10, compose=lambda text: f"say: {text} end", count_tokens=count)

    assert fitting == "say: " + "word " * 8 + "end"
    assert max(counted) < 400
