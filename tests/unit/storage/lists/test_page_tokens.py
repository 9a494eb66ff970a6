from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.errors import InvalidArgumentError
from foreword.storage.lists.page_tokens import PageTokens

TOKENS = PageTokens(bytes(32))
SCOPE = ("acme", "datasets", None, 'display_name : "ü"')

values = st.integers(-(2**63), 2**63) | st.text() | st.floats(allow_nan=False) | st.none()


@given(st.lists(values), st.lists(values))
def test_a_token_leads_to_where_the_page_ended(scope, position):
    assert TOKENS.open(scope, TOKENS.seal(scope, position)) == position


def test_a_token_reveals_nothing_and_is_never_the_same():
    first, second = TOKENS.seal(SCOPE, [123_456]), TOKENS.seal(SCOPE, [123_456])

    assert first != second
    assert set(first) <= set(string.ascii_letters + string.digits + "-_=")
    assert b"123456" not in base64.urlsafe_b64decode(first)


@pytest.mark.parametrize("scope", [("other", *SCOPE[1:]), (*SCOPE[:3], ""), SCOPE[:3], (*SCOPE, "")])
def test_a_token_of_another_list_is_refused(scope):
    with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
        TOKENS.open(scope, TOKENS.seal(SCOPE, [20]))


def test_a_token_of_another_service_is_refused():
    with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
        TOKENS.open(SCOPE, PageTokens(bytes(31) + b"x").seal(SCOPE, [20]))


@given(st.integers(0, 200), st.integers(1, 255))
def test_a_token_in_which_a_bit_was_changed_is_refused(place, change):
    sealed = bytearray(base64.urlsafe_b64decode(TOKENS.seal(SCOPE, [20])))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
        TOKENS.open(SCOPE, base64.urlsafe_b64encode(sealed).decode())


@given(st.integers(0, 60), st.sampled_from(["!", " ", "\n", "=", "==", "+", "ü", "\0"]))
def test_a_token_with_an_added_character_is_refused(place, added):
    token = TOKENS.seal(SCOPE, [20])
    with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
        TOKENS.open(SCOPE, token[:place] + added + token[place:])


@given(
    st.text(min_size=1)
    | st.binary(min_size=1).map(lambda data: base64.urlsafe_b64encode(data).decode())
    | st.lists(values).map(lambda found: base64.urlsafe_b64encode(json.dumps(found).encode()).decode())
)
def test_a_made_up_token_is_refused(token):
    with pytest.raises(InvalidArgumentError, match="does not belong to this list"):
        TOKENS.open(SCOPE, token)
