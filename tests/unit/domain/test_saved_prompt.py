from __future__ import annotations

import pytest

from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.saved_prompt import PromptVariable, filled_prompt
from foreword.errors import InvalidArgumentError

TONE = PromptVariable(name="tone", default_value="kind")
NAME = PromptVariable(name="name")
INPUT = PromptVariable(name="input")


def test_values_take_the_place_of_defaults():
    text = "Reply to {{name}}, be {{ tone }}."

    assert filled_prompt(text, [NAME, TONE], {"name": "Ada"}) == "Reply to Ada, be kind."
    assert filled_prompt(text, [NAME, TONE], {"name": "Ada", "tone": "brief"}) == "Reply to Ada, be brief."


def test_an_input_is_used_as_it_is():
    prompt = StructuredPrompt(
        instruction="Be {{tone}}.", examples=(PromptExample(input="{{tone}}", output="x"),), input="of the version"
    )

    filled = filled_prompt(prompt, [TONE], {}, input="{{tone}} {{secret}}")

    assert isinstance(filled, StructuredPrompt)
    assert (filled.instruction, filled.examples[0].input) == ("Be kind.", "kind")
    assert filled.input == "{{tone}} {{secret}}"
    assert filled_prompt("Answer: {{input}}", [INPUT], {}, input="{{input}}") == "Answer: {{input}}"


def test_without_an_input_a_prompt_keeps_its_own():
    filled = filled_prompt(StructuredPrompt(input="Be {{tone}}."), [TONE], {})

    assert filled == StructuredPrompt(input="Be kind.")


def test_braces_are_ordinary_text_without_variables():
    assert filled_prompt("{{tone}}", [], {}) == "{{tone}}"


@pytest.mark.parametrize(
    ("text", "variables", "values", "input", "problem"),
    [
        ("{{name}}", [NAME], {}, None, "has no value for name"),
        ("{{tone}}", [TONE], {"mood": "x"}, None, "mood: is not used"),
        ("Hello", [], {}, "text", "without the variable {{input}}"),
    ],
)
def test_what_is_missing_or_has_no_place_is_named(text, variables, values, input, problem):
    with pytest.raises(InvalidArgumentError, match=problem):
        filled_prompt(text, variables, values, input=input)


@pytest.mark.parametrize("kind", [str, lambda text: StructuredPrompt(instruction=text, input="")])
def test_values_that_multiply_are_refused_before_they_are_put_in_place(kind):
    with pytest.raises(InvalidArgumentError, match=r"make the prompt 2,000,000,0\d\d characters long"):
        filled_prompt(kind("{{input}}" * 20_000), [INPUT], {"input": "x" * 100_000})
