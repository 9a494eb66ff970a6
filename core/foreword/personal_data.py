"""Redaction of personal data in texts that are stored, logged and used for training.

Placeholders replace e-mail addresses, card numbers and telephone numbers. Card numbers are recognised by their check
digit (ISO/IEC 7812-1, Luhn) and telephone numbers by their format, so that order numbers are kept.
"""

from __future__ import annotations

import re

EMAIL = "[e-mail]"
CARD = "[card number]"
PHONE = "[phone number]"

_AT = "[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]"
_DOT = "[.\N{FULLWIDTH FULL STOP}\N{IDEOGRAPHIC FULL STOP}]"
_EMAIL = re.compile(rf"(?<![\w.+-])[\w.+-]{{1,64}}{_AT}(?:[\w-]{{1,63}}{_DOT}){{1,8}}[^\W\d_][\w-]{{1,62}}(?!\w)")
_DIGITS = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?!\w)")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:"
    r"(?:\+|00)[1-9]\d{0,2}(?:[ ./-]{0,2}\(?\d{1,5}\)?){2,6}"  # international
    r"|\(\d{2,5}\)[ ./-]?\d{2,5}(?:[ ./-]?\d{2,5}){0,3}"  # (030) 123 456
    r"|\d{3}[ .-]\d{3}[ .-]\d{4}"  # 555-123-4567
    r"|0\d{1,4}[ ./-]\d{2,5}(?:[ ./-]?\d{2,5}){1,3}"  # 0171 123 4567
    r")(?![\w-])"
)
_FEWEST_PHONE_DIGITS = 7
_MOST_PHONE_DIGITS = 15  # ITU-T E.164


def redact_personal_data(text: str) -> str:
    """Replace personal data in a text with placeholders. Redacting the result again changes nothing."""
    text = _EMAIL.sub(EMAIL, text)
    text = _DIGITS.sub(lambda found: CARD if _has_check_digit(found.group()) else found.group(), text)
    return _PHONE.sub(lambda found: PHONE if _is_phone(found.group()) else found.group(), text)


def holds_email(text: str) -> bool:
    """Return whether a text holds an e-mail address."""
    return _EMAIL.search(text) is not None


def _has_check_digit(text: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others."""
    digits = [int(character) for character in reversed(text) if character.isdecimal()]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _is_phone(text: str) -> bool:
    digits = sum(character.isdecimal() for character in text)
    return _FEWEST_PHONE_DIGITS <= digits <= _MOST_PHONE_DIGITS
