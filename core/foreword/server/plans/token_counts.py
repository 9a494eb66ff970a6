"""Token counts with the tokenizer of a base model, without loading its weights."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from foreword.plugin.chat import chat_frame
from foreword.plugin.encoding import encode_input
from foreword.plugin.interfaces import BaseModel

MOST_CHARACTERS: Final = 65_536
"""Characters that are tokenized at a time. Tokenizers take about 150 bytes of memory for each character."""
_SPACE_WITHIN: Final = 1_000
"""Characters before the end of a piece among which a space is looked for, so that no word is divided."""


class TokenCounters:
    """Token counters, one for each base model, created on first use. Methods block; call them from a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # One lock for each model: loading a tokenizer can take minutes, which must not block the others.
        self._locks: dict[str, threading.Lock] = {}
        self._counters: dict[str, Callable[[str], int]] = {}

    def counter(self, model: BaseModel) -> Callable[[str], int]:
        """Return a function that counts the tokens of a model input, including special tokens.

        Texts of more than `MOST_CHARACTERS` are counted in pieces, which can add a token for each piece.
        """
        with self._lock:
            lock = self._locks.setdefault(model.spec.id, threading.Lock())
        with lock:
            found = self._counters.get(model.spec.id)
            if found is None:
                found = self._counters[model.spec.id] = _make_counter(model)
            return found


def _make_counter(model: BaseModel) -> Callable[[str], int]:
    tokenizer = model.load_tokenizer()
    frame = chat_frame(tokenizer, model.spec)

    def count(text: str) -> int:
        return len(encode_input(tokenizer, text, frame=frame))

    def count_in_pieces(text: str) -> int:
        if len(text) <= MOST_CHARACTERS:
            return count(text)
        around = count("")
        return around + sum(count(piece) - around for piece in _pieces(text))

    return count_in_pieces


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces of at most `MOST_CHARACTERS`, divided before a space if there is one near the end."""
    start = 0
    while len(text) - start > MOST_CHARACTERS:
        end = start + MOST_CHARACTERS
        space = text.rfind(" ", end - _SPACE_WITHIN, end)
        end = space if space > start else end
        yield text[start:end]
        start = end
    yield text[start:]
