"""Chat messages as prompts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foreword.client import StructuredPrompt
from foreword.http.errors import RequestError
from foreword.http.openai.prompts import parse_messages

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "name", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
MESSAGES = st.lists(
    VALUES
    | st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "developer", "tool"]), "content": VALUES}
    ),
    max_size=6,
)


def parsed(messages: list) -> str | StructuredPrompt | RequestError:
    try:
        return parse_messages(messages)
    except RequestError as refusal:
        return refusal


@given(MESSAGES)
def test_any_messages_are_a_prompt_or_are_refused_by_name(messages):
    found = parsed(messages)

    if isinstance(found, RequestError):
        assert found.field.startswith("messages")
        assert found.field in found.message
    else:
        assert isinstance(found, (str, StructuredPrompt))


@given(st.text(min_size=1))
def test_a_single_message_is_its_text(text: str):
    assert parse_messages([{"role": "user", "content": text}]) == text
    assert parse_messages([{"role": "user", "content": [{"type": "text", "text": text}]}]) == text
