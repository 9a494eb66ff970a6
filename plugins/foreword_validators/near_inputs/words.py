"""The words by which inputs are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# Scripts without spaces between words: every character is compared by itself.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Punctuation, which is not compared. Other symbols are: C++ is not C, and a smile is not a frown.
_PUNCTUATION: Final = (
    r"!\"'()*,./:;<=>?@\[\\\]^_`{|}~\-\u00a1\u00a7\u00ab\u00b4\u00b6\u00b7\u00bb\u00bf\u2010-\u205f\u2e00-\u2e7f"
    r"\u3001-\u303f\u061b\u061f\u060c\u0964\u200b-\u200f\ufe00-\ufe0f\ufeff"
)
_LETTERS: Final = rf"[^\W_{_UNSPACED}]"
_NUMBER: Final = r"(?<!\w)[-+]?\d+(?:[.,:]\d+)*(?!\w)"  # -1.5 is one word, and not 15
_WORD: Final = re.compile(
    rf"(?!\d){_LETTERS}+(?:'{_LETTERS}+)*|[{_UNSPACED}]|{_NUMBER}|{_LETTERS}+|[^\w\s{_PUNCTUATION}]"
)
_ASCII_WORD: Final = re.compile(rf"[a-z][a-z0-9]*(?:'[a-z0-9]+)*|{_NUMBER}|[a-z0-9]+|[#$%&+]", re.ASCII)
_MIN_ROWS: Final = 20
_SHARE: Final = 0.9
_MIN_WORDS_LEFT: Final = 4
_MAX_WORDS: Final = 30


def words_of(text: str) -> list[str]:
    """Return the words, numbers and symbols of a text, without case and punctuation."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    text = unicodedata.normalize("NFKC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return _WORD.findall(text.casefold())


@dataclass(frozen=True, slots=True)
class Frame:
    """The words at the beginning and the end of nearly all inputs of a file, such as those of a template.

    They are not compared, because they would make short inputs look alike.
    """

    beginning: tuple[str, ...] = ()
    end: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Frame:
        """Return the frame of a sample of the inputs: empty if there are fewer than 20, or if it is most of them."""
        heads: list[list[str]] = []
        tails: list[list[str]] = []
        lengths: list[int] = []
        for text in texts:
            words = words_of(text)
            if words:
                heads.append(words[:_MAX_WORDS])
                tails.append(words[: -_MAX_WORDS - 1 : -1])
                lengths.append(len(words))
        if len(lengths) < _MIN_ROWS:
            return cls()
        beginning, end = _shared(heads), _shared(tails)[::-1]
        left = sorted(lengths)[len(lengths) // 2] - len(beginning) - len(end)
        return cls(tuple(beginning), tuple(end)) if left >= _MIN_WORDS_LEFT else cls()

    def without(self, words: list[str]) -> list[str]:
        """Return the words of an input inside the frame."""
        begin, end = len(self.beginning), len(self.end)
        if begin and tuple(words[:begin]) == self.beginning:
            words = words[begin:]
        if end and tuple(words[-end:]) == self.end:
            words = words[:-end]
        return words


def _shared(sample: list[list[str]]) -> list[str]:
    """Return the first words that nearly all have in common."""
    shared: list[str] = []
    candidate = sorted(sample)[len(sample) // 2]
    for place, word in enumerate(candidate):
        count = sum(words[place : place + 1] == [word] for words in sample)
        if count < _SHARE * len(sample):
            break
        shared.append(word)
    return shared
