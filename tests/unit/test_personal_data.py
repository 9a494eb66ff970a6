from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.personal_data import (
    CARD,
    EMAIL,
    IBAN,
    PHONE,
    may_hold_personal_data,
    personal_data_in,
    redact_personal_data,
)


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Mail anna.b+x@example.co.uk, please", "Mail [e-mail], please"),
        ("Mail anna\N{FULLWIDTH COMMERCIAL AT}example.com", "Mail [e-mail]"),
        ("anna\N{FULLWIDTH COMMERCIAL AT}example\N{FULLWIDTH FULL STOP}com", "[e-mail]"),
        ("call +49 171 2345678 or 555-123-4567", "call [phone number] or [phone number]"),
        ("Office (030) 123 4567 or 0171 1234567.", "Office [phone number] or [phone number]."),
        ("paid with 4111 1111 1111 1111", "paid with [card number]"),
        ("to DE89 3704 0044 0532 0130 00, please", "to [bank account], please"),
        ("gb82west12345698765432", "[bank account]"),
        ("paid with 5500-0000-0000-0004!", "paid with [card number]!"),
    ],
)
def test_personal_data_becomes_a_placeholder(text, redacted):
    assert redact_personal_data(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112 of 2024-11-05 for 1,299.00 is missing 2 of 12 screws",
        "Bought on 01.02.2026, sent on 03/04/26",
        "Account DE89 3704 0044 or AB12 3456 7890 123A",
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


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mail anna.b@firm.de or call +49 171 2345678", [(EMAIL, "anna.b@firm.de"), (PHONE, "+49 171 2345678")]),
        ("from DE89 3704 0044 0532 0130 00 on Monday", [(IBAN, "DE89 3704 0044 0532 0130 00")]),
        ("my card 4111-1111-1111-1111", [(CARD, "4111-1111-1111-1111")]),
        ("Phone number: (030) 123 4567", [(PHONE, "(030) 123 4567")]),
        ("Reach me at 212-555-0187", [(PHONE, "212-555-0187")]),
    ],
)
def test_personal_data_is_found_where_it_is(text, found):
    assert [(kind, text[start:end]) for kind, start, end in personal_data_in(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111 1111 1111 1111 and invoice no. 0815 4711 22",
        "IMEI 490154203237518, EAN 4006381333931, article 0012345678",
        "ticket #0171 123 4567, code 123-456-7890",
        "on 01.02.2026 for 1.299.000,00 EUR, see 48.137154, 11.576124",
        "192.168.100.200 at 00:11:22, version 10.12.2024.1",
        "Write to support@firm.de or jane@example.com",
    ],
)
def test_references_prices_dates_and_departments_are_no_personal_data(text):
    assert list(personal_data_in(text)) == []


@pytest.mark.parametrize(
    "found",
    [
        "anna@firm.de",
        "anna\N{FULLWIDTH COMMERCIAL AT}firm.de",
        "+49 171 2345678",
        "+4\u0669 171 2345678",
        "4111-1111-1111-1111",
        "de89 3704 0044 0532 0130 00",
        "MT84MALT011000012345MTLCAST001S",
    ],
)
@given(before=st.text(alphabet=" abc,\u00fc\n", max_size=20), after=st.text(alphabet=" abc,\u00fc", max_size=20))
def test_the_fast_look_passes_over_no_personal_data(found, before, after):
    text = f"{before} {found} {after}"
    assert [text[start:end] for _, start, end in personal_data_in(text)] == [found]
    assert may_hold_personal_data(text)


@given(st.text(alphabet="ab@.+0123456789-() \nDE", max_size=80))
def test_what_is_found_is_also_redacted(text):
    for _, start, end in personal_data_in(text):
        assert text[start:end] not in redact_personal_data(text)
