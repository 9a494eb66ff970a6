"""Personal data in texts: found in training rows, and replaced in texts that are stored, logged and used for training.

Card numbers are recognised by their check digit (ISO/IEC 7812-1, Luhn), bank accounts by their country, length and
check digits (ISO 13616-1, IBAN), and telephone numbers by their format, so that order numbers are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

EMAIL: Final = "[e-mail]"
CARD: Final = "[card number]"
IBAN: Final = "[bank account]"
PHONE: Final = "[phone number]"

_SIGNS: Final = "@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}"
_AT = f"[{_SIGNS}]"
_DOT = "[.\N{FULLWIDTH FULL STOP}\N{IDEOGRAPHIC FULL STOP}]"
_EMAIL = re.compile(rf"(?<![\w.+-])[\w.+-]{{1,64}}{_AT}(?:[\w-]{{1,63}}{_DOT}){{1,8}}[^\W\d_][\w-]{{1,62}}(?!\w)")
_DIGITS = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?!\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})(?!\d))(?:"  # 01.02.2026 is a date
    r"(?:\+|00)[1-9]\d{0,2}(?:[ ./-]{0,2}\(?\d{1,5}\)?){2,6}"  # international
    r"|\(\d{2,5}\)[ ./-]?\d{2,5}(?:[ ./-]?\d{2,5}){0,3}"  # (030) 123 456
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}"  # 555-123-4567
    r"|0\d{1,4}[ ./-]\d{2,5}(?:[ ./-]?\d{2,5}){1,3}"  # 0171 123 4567
    r")(?![\w-])"
)
_FEWEST_PHONE_DIGITS = 7
_MOST_PHONE_DIGITS = 15  # ITU-T E.164

# The countries of the IBAN registry, by the number of characters of their accounts.
_IBAN_COUNTRIES: Final = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK", 21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL", 24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST",
    26: "IS TR", 27: "FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HU LB PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU",
    31: "MT SC", 32: "LC",
}  # fmt: skip
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    + "|".join(
        rf"(?:{countries.replace(' ', '|')})\d\d(?:[ -]?[0-9A-Z]){{{length - 4}}}"
        for length, countries in _IBAN_COUNTRIES.items()
    )
    + r")(?![0-9A-Za-z])",
    re.IGNORECASE | re.ASCII,
)

# The issuers of cards by their first digits. Of other numbers, one in ten has the right check digit by chance.
_ISSUER: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|62\d{14,17}"
)
_REFERENCE: Final = re.compile(
    r"(?:\b(?:order|invoice|ticket|article|item|model|serial|part|case|batch|tracking|ref|reference|sku|isbn|ean|nr|no|id"
    r"|bestellung|rechnung|artikel|auftrag|vorgang|seriennummer|bestellnummer|rechnungsnummer)\b[^\w]{0,3}"
    r"(?:(?:number|no|nr|nummer|id)\b[^\w]{0,3})?|#\s?)$",
    re.IGNORECASE,
)
_REFERENCE_LETTERS: Final = 30
# Addresses that belong to nobody (RFC 2606), and those of departments (RFC 2142 and common ones).
_NOBODY: Final = re.compile(
    r"(?:abuse|admin|billing|contact|feedback|hello|help|hilfe|hr|info|jobs|kontakt|mail|marketing|no-?reply|office|orders?"
    r"|postmaster|press|privacy|sales|security|service|shop|support|team|webmaster)@.*"
    r"|.*[@.](?:example(?:\.(?:com|org|net))?|invalid|localhost|test)",
    re.IGNORECASE,
)
# What every number of a kind holds. To look for these is much faster than to look for the number.
_NUMBER_LIKE: Final = re.compile(r"\d[\d ()+./-]{4,}\d")
_IBAN_SIGNS: Final = re.compile(r"\d\d(?<=[A-Za-z]{2}\d\d)", re.ASCII)
_LONG_NUMBER: Final = re.compile(rf"\d(?:[ ()+./-]*\d){{{_FEWEST_PHONE_DIGITS - 1}}}")
_NO_DIGITS: Final = bytes(sorted(set(range(128)) - set(b"0123456789")))
_SEPARATED: Final = re.compile(r"\d[ ./()-]+\d")
_NATIONAL: Final = re.compile(r"\d{3}[ .-]\d{3}[ .-]\d{4}")
_NORTH_AMERICAN: Final = re.compile(r"[2-9]\d\d[ .-][2-9]\d\d[ .-]\d{4}")


def redact_personal_data(text: str) -> str:
    """Replace personal data in a text with placeholders. Redacting the result again changes nothing."""
    for pattern, placeholder, accepts in _RULES:
        text = pattern.sub(_replacement(placeholder, accepts), text)
    return text


def holds_email(text: str) -> bool:
    """Return whether a text holds an e-mail address."""
    return _EMAIL.search(text) is not None


def may_hold_personal_data(text: str) -> bool:
    """Return whether `personal_data_in` may yield something for a text, by a fast look at all of it."""
    return bool(_possible_kinds(text))


def personal_data_in(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the placeholder, the start and the end of personal data, kind by kind.

    It is stricter than `redact_personal_data`, which had better remove too much: a card needs the first digits of an
    issuer, numbers after words such as "order" are no telephone numbers, and addresses of departments, such as
    support@..., and of domains for examples belong to nobody.
    """
    kinds = _possible_kinds(text)
    for pattern, placeholder, accepts in _RULES:
        if placeholder in kinds:
            spans: list[tuple[int, int]] = []
            # What was found stays out of the way of the kinds that follow. The length of the text must stay the same.
            text = pattern.sub(_marking(spans, accepts, _STRICT[placeholder]), text)
            for start, end in spans:
                yield placeholder, start, end


def _possible_kinds(text: str) -> Collection[str]:
    """Return the kinds of personal data that a text may hold."""
    email = (EMAIL,) if _SIGNS[0] in text or _SIGNS[1] in text or _SIGNS[2] in text else ()
    digits = len(text.encode().translate(None, _NO_DIGITS)) if text.isascii() else _MOST_PHONE_DIGITS
    if digits < 2 or not _NUMBER_LIKE.search(text):
        return email
    iban = (IBAN,) if _IBAN_SIGNS.search(text) else ()
    others = (CARD, PHONE) if digits >= _FEWEST_PHONE_DIGITS and _LONG_NUMBER.search(text) else ()
    return email + iban + others


def _marking(
    spans: list[tuple[int, int]], accepts: Callable[[str], bool], is_sure: Callable[[re.Match[str]], bool]
) -> Callable[[re.Match[str]], str]:
    """Return a replacement that masks what is found, and adds its span to a list if it is sure."""

    def mark(found: re.Match[str]) -> str:
        if not accepts(found.group()):
            return found.group()
        if is_sure(found):
            spans.append(found.span())
        return "x" * len(found.group())

    return mark


def _replacement(placeholder: str, accepts: Callable[[str], bool]) -> Callable[[re.Match[str]], str]:
    return lambda found: placeholder if accepts(found.group()) else found.group()


def _has_check_digit(text: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others."""
    digits = [int(character) for character in reversed(text) if character.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _has_check_digits(text: str) -> bool:
    """Return whether the third and fourth characters are the check digits of a bank account."""
    characters = re.sub("[ -]", "", text)
    return int("".join(str(int(character, 36)) for character in characters[4:] + characters[:4])) % 97 == 1


def _is_phone(text: str) -> bool:
    digits = sum(character.isdecimal() for character in text)
    return _FEWEST_PHONE_DIGITS <= digits <= _MOST_PHONE_DIGITS


def _is_of_issuer(found: re.Match[str]) -> bool:
    digits = re.sub("[ -]", "", found.group())
    return _ISSUER.fullmatch(digits) is not None and not _is_reference(found)


def _is_surely_phone(found: re.Match[str]) -> bool:
    number = found.group()
    if _is_reference(found) or (number[0] == "0" and not _SEPARATED.search(number)):
        return False
    return not _NATIONAL.fullmatch(number) or _NORTH_AMERICAN.fullmatch(number) is not None


def _is_reference(found: re.Match[str]) -> bool:
    """Return whether the words before a number say that it is an order, an article or the like."""
    start = found.start()
    return _REFERENCE.search(found.string[max(0, start - _REFERENCE_LETTERS) : start]) is not None


_RULES: Final[tuple[tuple[re.Pattern[str], str, Callable[[str], bool]], ...]] = (
    (_EMAIL, EMAIL, lambda _text: True),
    (_IBAN, IBAN, _has_check_digits),
    (_DIGITS, CARD, _has_check_digit),
    (_PHONE, PHONE, _is_phone),
)
_STRICT: Final[dict[str, Callable[[re.Match[str]], bool]]] = {
    EMAIL: lambda found: _NOBODY.fullmatch(found.group()) is None,
    IBAN: lambda _found: True,
    CARD: _is_of_issuer,
    PHONE: _is_surely_phone,
}
