from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from factories.tiny_models import tokenizer
from foreword.inference.decoding.answer_text import StopFilter, TextDecoder, adds_space, drop_unfinished, whole_text

TEXTS = st.text(alphabet="ab \n", max_size=30)
STOPS = st.lists(st.text(alphabet="ab \n", min_size=1, max_size=4), min_size=1, max_size=4)


def _cut(text: str, sequences: list[str], include: bool) -> str:
    """Apply the rule one character at a time."""
    for end in range(1, len(text) + 1):
        complete = [item for item in sequences if text[:end].endswith(item)]
        if complete:
            return text[:end] if include else text[: end - max(map(len, complete))]
    return text


@given(pieces=st.lists(TEXTS, max_size=8), sequences=STOPS, include=st.booleans())
@settings(max_examples=examples(500))
def test_stopping_does_not_depend_on_the_pieces_and_never_leaks(pieces, sequences, include):
    stop = StopFilter(sequences, include=include)
    shown = ""
    for piece in pieces:
        shown += stop.push(piece)
        if not include:
            assert not any(item in shown for item in sequences)
    shown += stop.finish()

    assert shown == _cut("".join(pieces), sequences, include)
    assert stop.stopped == any(item in "".join(pieces) for item in sequences)


@given(text=st.text(max_size=40))
@settings(max_examples=examples(200))
def test_pieces_of_a_text_add_up_and_hold_whole_characters(text):
    ids = tokenizer()(text, add_special_tokens=False).input_ids
    decoder = TextDecoder(tokenizer(), strip_space=True)
    pieces = [decoder.push(token) for token in ids]

    assert "".join(pieces) == whole_text(tokenizer(), ids, strip_space=True)
    assert "\ufffd" in text or not any("\ufffd" in piece for piece in pieces)


@given(ids=st.lists(st.integers(5, 15_999), max_size=40))
@settings(max_examples=examples(200))
def test_pieces_of_any_tokens_add_up_to_the_whole(ids):
    decoder = TextDecoder(tokenizer(), strip_space=False)
    assert "".join(decoder.push(token) for token in ids) == whole_text(tokenizer(), ids, strip_space=False)


def test_an_emoji_in_several_tokens_comes_in_one_piece():
    ids = tokenizer()("ok 🎉 fine", add_special_tokens=False).input_ids
    decoder = TextDecoder(tokenizer(), strip_space=True)
    pieces = [decoder.push(token) for token in ids]
    assert "".join(pieces) == "ok 🎉 fine"
    assert any("🎉" in piece for piece in pieces)


def test_an_unfinished_character_at_the_end_is_dropped():
    ids = tokenizer()("ok 🎉", add_special_tokens=False).input_ids[:-1]
    assert whole_text(tokenizer(), ids, strip_space=True).rstrip() == "ok"


def test_the_space_that_a_tokenizer_adds_is_found():
    assert adds_space(tokenizer())


@pytest.mark.parametrize(("text", "expected"), [("a\ufffd", "a"), ("\ufffd\ufffd\ufffd\ufffd", "\ufffd"), ("a", "a")])
def test_at_most_three_marks_of_an_unfinished_character_are_dropped(text, expected):
    assert drop_unfinished(text) == expected
