"""Token counts with the tokenizer of a base model, without loading its weights."""

from __future__ import annotations

import threading
from collections.abc import Callable

from foreword.plugin.chat import chat_frame
from foreword.plugin.encoding import encode_input
from foreword.plugin.interfaces import BaseModel


class TokenCounters:
    """Token counters, one for each base model, created on first use. Methods block; call them from a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # One lock for each model: loading a tokenizer can take minutes, which must not block the others.
        self._locks: dict[str, threading.Lock] = {}
        self._counters: dict[str, Callable[[str], int]] = {}

    def counter(self, model: BaseModel) -> Callable[[str], int]:
        """Return a function that counts the tokens of a model input, including special tokens."""
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
    return lambda text: len(encode_input(tokenizer, text, frame=frame))
