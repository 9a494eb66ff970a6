"""Where the parts of a structured prompt stand in its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.templates import apply_verbalizer, input_offset

TEXTS = st.text(max_size=8)


@given(
    st.text(min_size=1, max_size=8), TEXTS, st.lists(st.builds(PromptExample, input=TEXTS, output=TEXTS), max_size=2)
)
def test_every_part_stands_where_its_span_says(text: str, instruction: str, examples: list[PromptExample]):
    prompt = StructuredPrompt(input=text, instruction=instruction, examples=tuple(examples))
    composed, spans = prompt.compose(), prompt.spans()

    assert composed[slice(*spans["instruction"])] == instruction
    assert composed[slice(*spans["examples"])] == prompt.compose_examples()
    assert composed[slice(*spans["input"])] == text


@pytest.mark.parametrize("template", ["{{input}}", "classify {0, 1}: {{ input }}!", "{{input}} {{input}}"])
def test_a_text_begins_where_its_template_has_the_input(template: str):
    assert apply_verbalizer(template, "Two screws")[input_offset(template) :].startswith("Two screws")
