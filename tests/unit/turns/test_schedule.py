"""The order of calls on threads, simulated: the test has the clock."""

from __future__ import annotations

import heapq
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.errors import ExhaustedError
from foreword.turns.schedule import TurnSchedule


class Simulation:
    """Threads with a simulated clock: calls are (tenant, number), and each lasts as long as `seconds` says."""

    def __init__(self, threads: int, max_waiting: int = 10_000) -> None:
        self.schedule: TurnSchedule[tuple[str, int]] = TurnSchedule(threads=threads, max_waiting=max_waiting)
        self.now = 0.0
        self.started: list[tuple[str, int]] = []
        self.most_running: Counter[str] = Counter()
        self.work: Counter[str] = Counter()
        self.waits: dict[tuple[str, int], float] = {}
        self._running: list[tuple[float, tuple[str, int]]] = []
        self._calls: dict[tuple[str, int], tuple[float, float, float]] = {}

    def call(self, tenant: str, number: int, seconds: float, estimated: float | None = None) -> None:
        item = (tenant, number)
        estimated = seconds if estimated is None else estimated
        self._calls[item] = (self.now, seconds, estimated)
        self.schedule.add(tenant, item, estimated)
        self.start()

    def start(self) -> None:
        while (found := self.schedule.next()) is not None:
            tenant, item = found
            arrival, seconds, _ = self._calls[item]
            self.started.append(item)
            self.waits[item] = self.now - arrival
            heapq.heappush(self._running, (self.now + seconds, item))
            count = sum(running[0] == tenant for _, running in self._running)
            self.most_running[tenant] = max(self.most_running[tenant], count)

    def run(self, until: float = float("inf")) -> None:
        while self._running and self._running[0][0] <= until:
            self.now, item = heapq.heappop(self._running)
            _, seconds, estimated = self._calls[item]
            self.work[item[0]] += seconds
            self.schedule.finish(item[0], estimated, seconds)
            self.start()
        self.now = max(self.now, until) if until < float("inf") else self.now


def test_a_call_of_another_tenant_passes_a_flood():
    threads = Simulation(threads=4)
    for number in range(500):
        threads.call("flood", number, 0.1)
    threads.call("victim", 0, 0.1)
    assert threads.waits["victim", 0] == 0
    assert threads.most_running["flood"] == 3


def test_tenants_that_compete_get_equal_shares_of_the_time_for_calls_of_any_length():
    threads = Simulation(threads=4)
    for number in range(1000):
        threads.call("long", number, 1.0)
        threads.call("short", number, 0.1)
    threads.run(until=20.0)
    assert abs(threads.work["long"] - threads.work["short"]) <= 3


def test_a_tenant_whose_calls_take_longer_than_estimated_pays_for_them():
    threads = Simulation(threads=1)
    for number in range(1000):
        threads.call("hasty", number, 1.0, estimated=0.001)
        threads.call("honest", number, 1.0)
    threads.run(until=100.0)
    assert abs(threads.work["hasty"] - threads.work["honest"]) <= 2


def test_one_thread_stays_free_for_a_newcomer_while_a_tenant_is_alone():
    threads = Simulation(threads=3)
    for number in range(10):
        threads.call("alone", number, 100.0)
    assert threads.schedule.running == 2
    threads.call("newcomer", 0, 1.0)
    assert threads.waits["newcomer", 0] == 0


def test_a_tenant_cannot_use_up_the_places_of_others():
    threads = Simulation(threads=1, max_waiting=10)
    for number in range(11):
        threads.call("flood", number, 1.0)
    with pytest.raises(ExhaustedError) as caught:
        threads.call("flood", 11, 1.0)
    assert threads.schedule.waiting == 10
    assert caught.value.reason == "TOO_MANY_WAITING_CALLS"
    assert caught.value.quota == "tenants/flood"
    assert caught.value.retry_after.total_seconds() > 0
    for number in range(5):
        threads.call("victim", number, 1.0)
    with pytest.raises(ExhaustedError):
        threads.call("victim", 5, 1.0)


def test_a_call_that_was_removed_never_starts():
    threads = Simulation(threads=1)
    for number in range(3):
        threads.call("acme", number, 1.0)
    assert threads.schedule.remove("acme", ("acme", 1)) is False, "an equal item is not the same one"
    item = next(item for item in threads._calls if item == ("acme", 1))
    assert threads.schedule.remove("acme", item)
    threads.run()
    assert threads.started == [("acme", 0), ("acme", 2)]


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.floats(0.001, 10.0),
        st.floats(0.0, 20.0),
        st.floats(0.0, 2.0),
    ),
    max_size=60,
)


@settings(max_examples=examples(100))
@given(threads=st.integers(1, 5), calls=CALLS)
def test_every_call_starts_once_in_the_order_of_its_tenant_and_no_tenant_holds_all_threads(threads, calls):
    simulation = Simulation(threads)
    for number, (tenant, seconds, estimated, pause) in enumerate(calls):
        simulation.run(until=simulation.now + pause)
        simulation.call(tenant, number, seconds, estimated)
        assert simulation.schedule.running <= threads
    simulation.run()

    assert sorted(simulation.started) == sorted(set(simulation.started))
    assert len(simulation.started) == len(calls)
    for tenant in "abcd":
        numbers = [number for name, number in simulation.started if name == tenant]
        assert numbers == sorted(numbers)
        assert simulation.most_running[tenant] <= max(1, threads - 1)
    assert simulation.schedule.running == simulation.schedule.waiting == 0


@settings(max_examples=examples(100))
@given(
    threads=st.integers(1, 4),
    lengths=st.lists(st.floats(0.1, 2.0), min_size=2, max_size=4),
    hasty=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
)
def test_tenants_that_always_wait_get_equal_work_within_the_longest_calls(threads, lengths, hasty):
    simulation = Simulation(threads)
    for tenant, seconds in enumerate(lengths):
        for number in range(int(80 / seconds)):
            simulation.call(str(tenant), number, seconds, seconds * hasty)
    simulation.run(until=20.0)

    done = [simulation.work[str(tenant)] for tenant in range(len(lengths))]
    # Corrections come at the end of a call, so a tenant may start one call per thread too many.
    assert max(done) - min(done) <= (threads + 2) * max(lengths)
