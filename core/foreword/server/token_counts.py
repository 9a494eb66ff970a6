"""Counts tokens with a base model's tokenizer, without loading its weights."""

from __future__ import annotations

import threading
from collections.abc import Callable

from foreword.plugin.chat import chat_frame
from foreword.plugin.encoding import encode_input
from foreword.plugin.interfaces import BaseModel


class TokenCounters:
    """One counter per base model, made on first use. Everything here blocks; call it from a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # A lock for each model: fetching one tokenizer may take minutes, and the others are there.
        self._locks: dict[str, threading.Lock] = {}
        self._counters: dict[str, Callable[[str], int]] = {}

    def counter(self, model: BaseModel) -> Callable[[str], int]:
        """Counts the tokens of an input as the model gets it, special tokens included."""
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
