"""Page tokens and page sizes."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.errors import InvalidArgumentError
from foreword.storage.pages import check_page_size, make_page, read_page_token


def test_a_token_leads_to_where_the_page_ended():
    page = make_page([30, 20, 10], 2, "numbers", lambda row: row, str)
    assert page.items == ("30", "20")
    assert read_page_token(page.next_page_token, "numbers", int) == 20


def test_the_last_page_has_no_token():
    assert make_page([30, 20], 2, "numbers", lambda row: row, str).next_page_token == ""


def test_no_token_means_the_first_page():
    assert read_page_token("", "numbers", int) is None


def test_a_token_of_another_list_is_refused():
    page = make_page([30, 20, 10], 2, "numbers", lambda row: row, str)
    with pytest.raises(InvalidArgumentError) as caught:
        read_page_token(page.next_page_token, "letters", int)
    assert caught.value.violations[0].field == "page_token"
    assert "does not belong to this list" in caught.value.violations[0].description


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_a_made_up_token_is_refused(token):
    if token:
        with pytest.raises(InvalidArgumentError):
            read_page_token(token, "numbers", int)


@pytest.mark.parametrize("key", ["20", -1, 2**63, 1.5, None, True, [1]])
def test_a_token_with_a_key_of_another_kind_is_refused(key):
    owner = json.loads(base64.urlsafe_b64decode(make_page([2, 1], 1, "n", int, int).next_page_token))[0]
    token = base64.urlsafe_b64encode(json.dumps([owner, key]).encode()).decode()
    with pytest.raises(InvalidArgumentError):
        read_page_token(token, "n", int)


def test_page_size_zero_means_fifty():
    assert check_page_size(0) == 50


@pytest.mark.parametrize("size", [-1, 1001])
def test_a_page_size_out_of_range_is_refused(size):
    with pytest.raises(InvalidArgumentError) as caught:
        check_page_size(size)
    assert caught.value.violations[0].field == "page_size"
