"""Labels that are spelt differently and mean one thing.

There are two keys. Labels with equal spelling keys look the same to a reader, apart from case and spaces, and are read
as one label. Labels with equal meaning keys probably mean the same, as `Yes` and `Yes.` do; a person decides.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = dict.fromkeys(
    (
        0x00AD,  # soft hyphen
        0x180E,  # Mongolian vowel separator
        *range(0x200B, 0x2010),  # zero-width space, joiners, direction marks
        *range(0x202A, 0x202F),  # embedded directions
        *range(0x2060, 0x2070),  # word joiner, invisible operators, isolated directions
        *range(0xFE00, 0xFE10),  # variation selectors
        0xFEFF,  # byte order mark
    )
)
# Texts in Persian and in the scripts of India, and emoji, look different with these.
_JOINERS_AND_SELECTORS: Final = (0x200C, 0x200D, *range(0xFE00, 0xFE10))
_ALWAYS_INVISIBLE: Final = {code: None for code in _INVISIBLE if code not in _JOINERS_AND_SELECTORS}

# Cyrillic and Greek capital letters that look like Latin ones (Unicode Technical Standard 39).
_LOOKALIKES: Final = str.maketrans("АВЕКМНОРСТХУІЈЅԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEKMHOPCTXYIJSQWABEZHIKMNOPTYX")
_CYRILLIC_OR_GREEK: Final = re.compile("[\u0370-\u052f]")

_MARK: Final = "[.,;:!?\"'`*(){}\\[\\]¡¿«»´\u2018-\u201f\u3001\u3002]"
# A mark between digits is part of a number or a time.
_DROPPED_MARK: Final = re.compile(rf"(?<!\d){_MARK}|{_MARK}(?!\d)")
_DASH: Final = re.compile("[\u2010-\u2015\u2212]")
_AND: Final = re.compile(r"\s*&\s*")
_BETWEEN_LETTERS: Final = re.compile(r"(?<=[^\W\d_])[-_\s]+(?=[^\W\d_])")
_BESIDE_DIGITS: Final = re.compile(r"(?<=[^\W\d_])(?:[-_]|\s+)(?=\d)|(?<=\d)(?:[-_]|\s+)(?=[^\W\d_])")
_MIN_LETTERS_OF_WORDS: Final = 5
_NUMBER: Final = re.compile(r"([+-]?)0*(\d+?)(?:\.(\d*?)0*)?")
_LIST: Final = re.compile(r"\s*[,;|/\n]\s*")


def spelling_key(label: str) -> str:
    """Return a key that is equal for labels that differ only in case, spaces, Unicode form or invisible characters.

    The Unicode forms are the composed and the decomposed one of the same character (NFC and NFD, Unicode Standard Annex
    15), which are displayed alike.
    """
    if not label.isascii():
        label = unicodedata.normalize("NFC", label.translate(_ALWAYS_INVISIBLE))
    return _case_key(label)


def meaning_key(label: str) -> str:
    """Return a key that is equal for labels that probably mean the same, though they are different labels.

    Besides what the spelling key ignores, it ignores compatibility forms of characters (NFKC), letters of other scripts
    that look like Latin ones, punctuation, hyphens and spaces in words, `&` for `and`, the form of a number (`1`,
    `1.0`, `01`) and the order of the parts of a list. `A+` and `A-`, `-1` and `1`, `1.5` and `15` have different keys.
    """
    return _order_key(_script_key(_compatible_key(label)))


def difference(first: str, second: str) -> str:
    """Return in what two labels with equal meaning keys differ: the end of the sentence `They differ only in ...`."""
    if _case_key(first) == _case_key(second):
        return "case or spaces"
    if spelling_key(first) == spelling_key(second) or _compatible_key(first) == _compatible_key(second):
        hidden = any(ord(letter) in _INVISIBLE for letter in first + second)
        return "invisible characters" if hidden else "the Unicode form of a character"
    labels = [_compatible_key(label) for label in (first, second)]
    plain, latin = [_plain_key(label) for label in labels], [_plain_key(_script_key(label)) for label in labels]
    if plain[0] == plain[1]:
        return "the form of the number" if _NUMBER.fullmatch(plain[0]) else "punctuation, hyphens or spaces"
    return "letters of another script that look alike" if latin[0] == latin[1] else "the order of their parts"


def visible(label: str) -> str:
    """Return a label in which characters that a reader cannot tell apart are written as `<U+0301>`."""
    return "".join(f"<U+{ord(letter):04X}>" if _is_deceptive(letter) else letter for letter in label)


def _case_key(label: str) -> str:
    return " ".join(label.split()).casefold()


def _compatible_key(label: str) -> str:
    if not label.isascii():
        label = unicodedata.normalize("NFKC", label.translate(_INVISIBLE))
    return " ".join("".join(letter for letter in label if letter.isprintable() or letter.isspace()).split())


def _script_key(label: str) -> str:
    if label.isascii():
        return label
    latin = label.upper().translate(_LOOKALIKES)
    return label if _CYRILLIC_OR_GREEK.search(latin) else latin


def _order_key(label: str) -> str:
    parts = _LIST.split(label)
    if len(parts) > 1 and all(sum(map(str.isalpha, part)) > 1 for part in parts):
        return ", ".join(sorted(map(_plain_key, parts)))
    return _plain_key(label)


def _plain_key(label: str) -> str:
    """Return a label without case and punctuation."""
    label = _case_key(_DASH.sub("-", label))
    plain = _AND.sub(" and ", _DROPPED_MARK.sub("", label)).strip()
    if not plain:
        return label  # only marks, such as ** or ...
    number = _NUMBER.fullmatch(plain)
    if number is not None:
        sign, whole, fraction = number.groups()
        value = f"{whole}.{fraction}" if fraction else whole
        return f"-{value}" if sign == "-" and value != "0" else value
    if sum(map(str.isalpha, plain)) >= _MIN_LETTERS_OF_WORDS:
        plain = _BETWEEN_LETTERS.sub("", plain)
    return _BESIDE_DIGITS.sub("", " ".join(plain.split()))


def _is_deceptive(letter: str) -> bool:
    code = ord(letter)
    return (
        code in _INVISIBLE
        or ord(letter.upper()[0]) in _LOOKALIKES
        or unicodedata.combining(letter) > 0
        or not (letter.isprintable() or letter == " ")
        or unicodedata.normalize("NFKC", letter) != letter
    )
