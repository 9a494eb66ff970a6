"""Slices of single runs beside each other, and those that are to leave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from factories.waiting import wait_until
from foreword.scheduling.asides import Asides
from foreword.turns.slices import outside, pause


@pytest.fixture
def asides() -> Iterator[Asides[str]]:
    found: Asides[str] = Asides()
    yield found
    found.close()


def counting(counts: dict[str, int], name: str) -> Callable[[], None]:
    def work() -> None:
        while True:
            counts[name] = counts.get(name, 0) + 1
            pause()

    return work


def waits(asides: Asides[str]) -> bool:
    return any(aside.work.waits for aside in asides._asides)


def test_a_paused_run_gets_no_slice_until_the_next_call_and_the_others_go_on(asides: Asides[str]) -> None:
    counts: dict[str, int] = {}
    for name in ("leaving", "other"):
        asides.begin(name, "acme", counting(counts, name), lambda *_: None)
    wait_until(lambda: all(aside.work.waits for aside in asides._asides))
    while not counts.get("leaving"):
        asides.step()

    asides.pause(["leaving"])
    before = dict(counts)
    assert all(asides.step() for _ in range(4))
    paused = dict(counts)
    asides.pause([])
    while counts["leaving"] == before["leaving"]:
        asides.step()

    assert paused["leaving"] == before["leaving"]
    assert paused["other"] > before.get("other", 0)


def test_only_paused_runs_give_no_slice_and_nothing_to_wait_for(asides: Asides[str]) -> None:
    asides.begin("leaving", "acme", counting({}, "leaving"), lambda *_: None)
    wait_until(lambda: waits(asides))

    asides.pause(["leaving"])

    assert not asides.step()
    asides.wait(0.0)
    asides.drop("leaving")
    assert "leaving" not in asides


def test_a_run_that_waits_for_a_store_is_outside_until_it_wants_a_slice_again(asides: Asides[str]) -> None:
    answered = threading.Event()

    def store() -> None:
        with outside():
            answered.wait()
        pause()

    asides.begin("storing", "acme", store, lambda *_: None)
    wait_until(lambda: waits(asides))
    asides.step()
    during = asides.is_outside("storing")
    asides.pause(["storing"])
    answered.set()
    wait_until(lambda: not asides.is_outside("storing"))

    assert during
    asides.drop("storing")
    assert "storing" not in asides
