"""What single runs of a company do beside its passes: in slices, by turns between their tenants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from foreword.turns.fair_queue import FairQueue
from foreword.turns.slices import SlicedWork

Owner = TypeVar("Owner")
Result = TypeVar("Result")

SLICE_SECONDS: Final = 0.05
"""Least time after which work lets the others go on, at its next check."""

_SLICES_BEFORE_BACKGROUND: Final = 9
"""Slices of other work after which background work has one, so that it never stands still."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Aside(Generic[Owner]):
    owner: Owner
    tenant: str
    work: SlicedWork[Any]
    go_on: Callable[[Owner, Any], None]
    is_background: bool
    is_queued: bool = False
    last_seconds: float = SLICE_SECONDS


class Asides(Generic[Owner]):
    """Work of single runs that needs the base model, or a store: preparing, measuring, evaluating, storing.

    Each of them runs in a thread of its own (`SlicedWork`), but only one at a time and never beside a pass, except
    while it waits for a store. Not thread-safe: one thread owns them.

    Args:
        clock: Clock of monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._asides: list[_Aside[Owner]] = []
        self._queue: FairQueue[_Aside[Owner]] = FairQueue()
        self._background: FairQueue[_Aside[Owner]] = FairQueue()
        self._slices_before_background = 0
        self._paused: tuple[Owner, ...] = ()

    def __len__(self) -> int:
        return len(self._asides)

    def __contains__(self, owner: Owner) -> bool:
        """Return whether a run does such work; until it was returned by `ended`."""
        return any(aside.owner is owner for aside in self._asides)

    def begin(
        self,
        owner: Owner,
        tenant: str,
        function: Callable[[], Result],
        go_on: Callable[[Owner, Result], None],
        *,
        is_background: bool = False,
    ) -> None:
        """Begin work of a run, which must do no other.

        Args:
            go_on: What follows in the thread of the owner, with the result of `function`.
            is_background: Whether it comes after other work: it has short slices, and while other work waits for one,
                only every tenth.
        """
        work = SlicedWork(f"aside-{tenant}", function, self._changed)
        self._asides.append(_Aside(owner=owner, tenant=tenant, work=work, go_on=go_on, is_background=is_background))

    def pause(self, owners: Iterable[Owner]) -> None:
        """Give no slices to some runs, and slices to all others, until the next call.

        What such a run does outside goes on. When that is over, it can be dropped at any time without waiting.
        """
        self._paused = tuple(owners)

    def is_outside(self, owner: Owner) -> bool:
        """Return whether a run waits for a store."""
        return any(aside.work.is_outside for aside in self._asides if aside.owner is owner)

    def step(self, seconds: float = 0.0) -> bool:
        """Make one slice of the work of the tenant furthest behind. Return False if none waits for a slice.

        Args:
            seconds: Length of the slice, if it is more than the least: the time that the others have had meanwhile.
        """
        for aside in self._asides:
            if self._wants_slice(aside) and not aside.is_queued:
                aside.is_queued = True
                queue = self._background if aside.is_background else self._queue
                queue.push(aside.tenant, aside, aside.last_seconds)
        while taken := self._next_queue().pop(0.0, 1):
            (aside,) = taken
            aside.is_queued = False
            if aside not in self._asides or not self._wants_slice(aside):
                continue  # it was dropped or paused meanwhile
            started = self._clock()
            aside.work.run_slice(SLICE_SECONDS if aside.is_background else max(seconds, SLICE_SECONDS))
            aside.last_seconds = self._clock() - started
            return True
        return False

    def _wants_slice(self, aside: _Aside[Owner]) -> bool:
        return aside.work.waits and all(aside.owner is not owner for owner in self._paused)

    def _next_queue(self) -> FairQueue[_Aside[Owner]]:
        """Return the queue whose turn it is."""
        is_due = not len(self._queue) or self._slices_before_background >= _SLICES_BEFORE_BACKGROUND
        if len(self._background) and is_due:
            self._slices_before_background = 0
            return self._background
        self._slices_before_background += 1
        return self._queue

    def ended(self) -> list[tuple[Owner, Callable[[], None]]]:
        """Return the runs whose work has ended, and forget them.

        Returns:
            Each with what follows, which raises the error if the work has raised one.
        """
        ended = [aside for aside in self._asides if aside.work.ended]
        self._asides = [aside for aside in self._asides if aside not in ended]
        return [(aside.owner, partial(_go_on, aside)) for aside in ended]

    def wait(self, seconds: float) -> None:
        """Wait until work goes on or has ended, but no longer than the given time."""
        with self._changed:
            self._changed.wait_for(
                lambda: any(self._wants_slice(aside) or aside.work.ended for aside in self._asides), timeout=seconds
            )

    def drop(self, owner: Owner) -> None:
        """End the work of a run that is not outside, and forget it; return when it has ended."""
        for aside in [aside for aside in self._asides if aside.owner is owner]:
            aside.work.drop()
            self._asides.remove(aside)

    def close(self) -> None:
        """Drop all work. For an owner that fails."""
        for aside in self._asides:
            aside.work.drop()


def _go_on(aside: _Aside[Owner]) -> None:
    aside.go_on(aside.owner, aside.work.result())
