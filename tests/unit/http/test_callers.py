"""Keys and addresses of callers."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from foreword.errors import UnauthenticatedError
from foreword.http.callers import bearer_key, forwarded_for, new_request_id


def request(*headers: tuple[str, str], peer: str = "192.0.2.1") -> Request:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "headers": encoded, "client": (peer, 5)})


def test_the_peer_is_the_last_of_the_addresses():
    assert forwarded_for(request()) == "192.0.2.1"
    named = ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")
    assert forwarded_for(request(*named, peer="::1")) == "203.0.113.9,198.51.100.7,::1"


@pytest.mark.parametrize("value", ["\xff", "a\nb", "1.2.3.4\x00"])
def test_what_is_no_list_of_addresses_is_left_out(value: str):
    assert forwarded_for(request(("x-forwarded-for", value))) == "192.0.2.1"


def test_a_long_list_keeps_its_last_addresses_whole():
    found = forwarded_for(request(("x-forwarded-for", ",".join(["198.51.100.7"] * 500)))).split(",")

    assert found[-1] == "192.0.2.1"
    assert set(found[:-1]) == {"198.51.100.7"}
    assert len(",".join(found)) < 1_100


@pytest.mark.parametrize("value", ["dev", "Bearer", "Bearer ", "Basic dev", "Bearer " + "x" * 7_001])
def test_other_forms_of_a_key_are_refused(value: str):
    with pytest.raises(UnauthenticatedError, match="Bearer KEY"):
        bearer_key(request(("authorization", value)))


def test_two_keys_are_none():
    with pytest.raises(UnauthenticatedError):
        bearer_key(request(("authorization", "Bearer a"), ("authorization", "Bearer b")))


def test_the_scheme_is_read_in_any_case_and_no_header_is_no_key():
    assert bearer_key(request(("authorization", "bearer  dev"))) == "dev"
    assert bearer_key(request()) == ""


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "fw_0123456789abcdef_" + "x" * 43, "é"])
def test_ids_that_cannot_be_logged_are_replaced(given: str):
    assert new_request_id(given).startswith("req_")
