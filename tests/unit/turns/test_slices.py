"""Work in a thread of its own that goes on in slices."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from factories.waiting import wait_until
from foreword.turns.slices import SlicedWork, outside, pause


def work_of(function: Callable[[], object], clock: Callable[[], float] = lambda: 0.0) -> SlicedWork[object]:
    return SlicedWork("work", function, threading.Condition(), clock=clock)


def wait_for_slice(work: SlicedWork[object]) -> None:
    wait_until(lambda: work.waits or work.ended)


def run(work: SlicedWork[object], seconds: float = 0.0) -> int:
    """Run work to its end, and return the number of slices that it took."""
    count = 0
    while True:
        wait_for_slice(work)
        if work.ended:
            return count
        work.run_slice(seconds)
        count += 1


def test_work_goes_on_only_in_its_slices():
    seen: list[int] = []

    def count() -> str:
        for number in range(3):
            seen.append(number)
            pause()
        return "done"

    work = work_of(count)
    wait_for_slice(work)
    found = [list(seen)]
    while not work.ended:
        work.run_slice(0.0)
        found.append(list(seen))

    assert found == [[], [0], [0, 1], [0, 1, 2], [0, 1, 2]]
    assert work.result() == "done"


def test_a_slice_lasts_as_long_as_it_may():
    now = [0.0]

    def tick() -> None:
        for _ in range(10):
            now[0] += 1.0
            pause()

    assert run(work_of(tick, lambda: now[0]), seconds=2.5) == 4


def test_what_waits_for_others_does_so_beside_the_owner():
    arrived, stored = threading.Event(), threading.Event()

    def store() -> bool:
        with outside():
            arrived.set()
            return stored.wait(60)

    work = work_of(store)
    wait_for_slice(work)
    work.run_slice(0.0)  # returns although the work has not paused
    assert arrived.wait(60)
    assert not work.waits
    stored.set()
    run(work)

    assert work.result() is True


def test_the_owner_gets_the_error_that_ends_the_work():
    work = work_of(lambda: 1 / 0)
    run(work)

    with pytest.raises(ZeroDivisionError):
        work.result()


def test_work_that_is_dropped_ends_at_its_pause_and_cleans_up():
    seen: list[str] = []

    def endless() -> None:
        try:
            while True:
                pause()
        except Exception:
            seen.append("handled")
        finally:
            seen.append("cleaned up")

    work = work_of(endless)
    wait_for_slice(work)
    work.run_slice(0.0)
    work.drop()

    assert work.ended
    assert seen == ["cleaned up"]


def test_elsewhere_work_neither_pauses_nor_goes_outside():
    pause()
    with outside():
        pause()
