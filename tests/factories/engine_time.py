"""Control of the engine's clock, so that deadlines pass at a known token at any speed of the machine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from foreword.inference.decoding.decode_batch import DecodeBatch


@contextmanager
def after_steps(steps: int, action: Callable[[], object]) -> Iterator[None]:
    """Run an action on the engine's thread before it decodes a token after the first `steps` ones of the block."""
    step, left = DecodeBatch.step, [steps]

    def counted(self: DecodeBatch) -> object:
        if self.rows:
            left[0] -= 1
            if left[0] == -1:
                action()
        return step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecodeBatch, "step", counted)
        yield


@contextmanager
def an_hour_passes(*, after: int) -> Iterator[None]:
    """Move the engine's clock forward by an hour once it has decoded this number of tokens of each running answer."""
    ahead = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])

    def jump() -> None:
        ahead[0] = 3600.0

    with pytest.MonkeyPatch.context() as patch, after_steps(after, jump):
        for name, module in list(sys.modules.items()):
            if name.startswith("foreword.inference.") and getattr(module, "time", None) is time:
                patch.setattr(module, "time", clock)
        yield


@contextmanager
def held_after(steps: int) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold the engine's thread once it has decoded this number of tokens.

    Yields:
        An event that is set when the thread is held, and an event that releases it. Leaving the block releases it, too.
    """
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        released.wait(60)

    with after_steps(steps, hold):
        try:
            yield held, released
        finally:
            released.set()
