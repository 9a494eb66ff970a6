"""Locks by key, so that several threads that need the same thing wait for one of them to make it."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class KeyLocks(Generic[Key]):
    """Locks by key. A lock is kept while it is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Key, threading.Lock] = {}

    @contextmanager
    def held(self, key: Key) -> Iterator[None]:
        """Hold the lock of a key."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            try:
                yield
            finally:
                with self._lock:
                    self._locks.pop(key, None)
