"""Text of tokens as they are generated. No piece cuts a character or holds a part of a stop sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from foreword.plugin.encoding import encode_plain

REPLACEMENT: Final = "\ufffd"
_MOST_REPLACEMENTS: Final = 3
"""An unfinished UTF-8 character has at most three bytes; some decoders show one mark for each."""
_WINDOW: Final = 8
"""Tokens decoded anew with each one before the window moves on."""


class TextDecoder:
    """Text of a growing list of tokens.

    Only a window of tokens is decoded again, beginning where the text was known to be whole, so the cost of a token
    does not grow with the answer.

    Args:
        tokenizer: A transformers tokenizer.
        strip_space: Drop the space that the tokenizer itself puts in front of every text.
    """

    def __init__(self, tokenizer: Any, *, strip_space: bool) -> None:
        self._tokenizer = tokenizer
        self._strip_space = strip_space
        self._ids: list[int] = []
        self._start = 0
        self._whole = 0
        self._shown = 0

    def push(self, token: int) -> str:
        """Add a token; return the text that is certain now."""
        self._ids.append(token)
        text = decode(self._tokenizer, self._ids[self._start :])
        certain = drop_unfinished(text)
        piece = certain[self._shown :]
        self._shown = max(self._shown, len(certain))
        if len(certain) == len(text):
            if len(self._ids) - self._start > _WINDOW and self._whole > self._start:
                self._start = self._whole
                self._shown = len(decode(self._tokenizer, self._ids[self._start :]))
            self._whole = len(self._ids)
        if piece and self._strip_space:
            self._strip_space = False
            piece = piece.removeprefix(" ")
        return piece


def decode(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of tokens, without special ones and without tidying up spaces."""
    text: str = tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text


def whole_text(tokenizer: Any, ids: Sequence[int], *, strip_space: bool) -> str:
    """Return the text of a finished answer, which equals the sum of its pieces."""
    text = drop_unfinished(decode(tokenizer, ids))
    return text.removeprefix(" ") if strip_space else text


def drop_unfinished(text: str) -> str:
    """Drop the marks of an unfinished character at the end of a text."""
    for _ in range(_MOST_REPLACEMENTS):
        text = text.removesuffix(REPLACEMENT)
    return text


def adds_space(tokenizer: Any) -> bool:
    """Return whether the tokenizer puts a space in front of every text."""
    return decode(tokenizer, encode_plain(tokenizer, "a")).startswith(" ")


class StopFilter:
    """A filter that ends a text at the first stop sequence and holds back the possible beginning of one.

    The division of the text into pieces makes no difference: the sequence that is complete first applies, and the
    longest one if several are complete at once.

    Args:
        sequences: Non-empty texts.
        include: Whether the stop sequence stays in the text.
    """

    def __init__(self, sequences: Sequence[str], *, include: bool) -> None:
        self._sequences = tuple(sequences)
        self._include = include
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Add text; return what may be shown, which is nothing after the stop."""
        if self.stopped:
            return ""
        if not self._sequences:
            return text
        text = self._held + text
        found = [(text.find(item) + len(item), -len(item)) for item in self._sequences if item in text]
        if found:
            end, negative_length = min(found)
            self.stopped, self._held = True, ""
            return text[:end] if self._include else text[: end + negative_length]
        length = max((_overlap(text, item) for item in self._sequences), default=0)
        self._held = text[len(text) - length :]
        return text[: len(text) - length]

    def finish(self) -> str:
        """Return what was held back, when the answer ended otherwise."""
        held, self._held = self._held, ""
        return "" if self.stopped else held


def _overlap(text: str, sequence: str) -> int:
    """Return the length of the longest end of `text` that begins `sequence` without completing it."""
    for length in range(min(len(text), len(sequence) - 1), 0, -1):
        if text.endswith(sequence[:length]):
            return length
    return 0
