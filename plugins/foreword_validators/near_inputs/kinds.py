"""How much the difference of two nearly equal inputs can mean."""

from __future__ import annotations

import re
from typing import Final

from foreword_validators.near_inputs.difference import Difference

# Greetings, courtesy and emphasis: they do not change what an input is about.
_ENGLISH: Final = """
a all am an and best day dear everyone folks good hello hey hi just kind madam morning oh ok okay please regards really
sincerely sir so team thank thanks that the there very well yours you"""
_GERMAN: Final = """
bitte danke ein eine einen der die das den dem freundliche freundlichen grüße grüßen gruß guten hallo herr frau liebe
lieber liebes mit sehr geehrte geehrter damen herren tag vielen viele und"""
_FRENCH: Final = "bonjour cordialement le la les madame merci monsieur s'il vous plaît très un une"
_SPANISH: Final = "buenas buenos días el favor gracias hola los las por saludos señor señora tardes una"
_EMPTY_WORDS: Final = frozenset(word.casefold() for word in f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH}".split())
_OPPOSITES: Final = re.compile(
    r"(?:no|not|never|none|nothing|nobody|without|cannot|hardly|only|too|kein\w*|nicht|nichts|nie|niemals|ohne|nur|pas|"
    r"non|jamais|sans|ne|rien|nunca|sin|nada|ni)|.*n't"
)
_FEWEST_LETTERS: Final = 4


def is_slight(difference: Difference) -> bool:
    """Return whether a difference changes no meaning: greetings, courtesy, articles, endings and single typos."""
    first, second = ([word for word in words if word not in _EMPTY_WORDS] for words in difference)
    return len(first) == len(second) and all(map(_are_alike, first, second))


def negates(difference: Difference) -> bool:
    """Return whether a difference contains a negation or a number, so that other outputs are to be expected."""
    return any(_OPPOSITES.fullmatch(word) or any(map(str.isdigit, word)) for words in difference for word in words)


def _are_alike(first: str, second: str) -> bool:
    """Return whether two words of letters differ in one letter, or in two that are exchanged, but not the first."""
    if min(len(first), len(second)) < _FEWEST_LETTERS or not (first.isalpha() and second.isalpha()):
        return False
    if first[0] != second[0] or abs(len(first) - len(second)) > 1:
        return False
    if len(first) > len(second):
        first, second = second, first
    begin = 0
    while begin < len(first) and first[begin] == second[begin]:
        begin += 1
    if len(first) < len(second):
        return first[begin:] == second[begin + 1 :]
    exchanged = first[begin : begin + 2] == second[begin : begin + 2][::-1]
    return first[begin + 1 :] == second[begin + 1 :] or (exchanged and first[begin + 2 :] == second[begin + 2 :])
