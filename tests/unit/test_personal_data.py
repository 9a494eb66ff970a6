from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.personal_data import redact_personal_data


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Mail anna.b+x@example.co.uk, please", "Mail [e-mail], please"),
        ("Mail anna\N{FULLWIDTH COMMERCIAL AT}example.com", "Mail [e-mail]"),
        ("anna\N{FULLWIDTH COMMERCIAL AT}example\N{FULLWIDTH FULL STOP}com", "[e-mail]"),
        ("call +49 171 2345678 or 555-123-4567", "call [phone number] or [phone number]"),
        ("Office (030) 123 4567 or 0171 1234567.", "Office [phone number] or [phone number]."),
        ("paid with 4111 1111 1111 1111", "paid with [card number]"),
        ("paid with 5500-0000-0000-0004!", "paid with [card number]!"),
    ],
)
def test_personal_data_becomes_a_placeholder(text, redacted):
    assert redact_personal_data(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112 of 2024-11-05 for 1,299.00 is missing 2 of 12 screws",
        "Model AX-200 v1.10.3, article 12345678, box 3/4",
        "the 2 extra sets @ home",
    ],
)
def test_orders_dates_and_prices_stay(text):
    assert redact_personal_data(text) == text


@given(st.text(alphabet="ab@.+0123456789-() \n/", max_size=80))
def test_redacting_again_changes_nothing(text):
    assert redact_personal_data(redact_personal_data(text)) == redact_personal_data(text)


@given(st.text(alphabet=" abc,.", max_size=20), st.text(alphabet=" abc,.", max_size=20))
def test_an_address_is_found_in_any_sentence(before, after):
    assert "anna@example.com" not in redact_personal_data(f"{before} anna@example.com {after}")
