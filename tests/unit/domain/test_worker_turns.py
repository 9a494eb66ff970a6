"""Turns of tenants at the workers, decided with a simulated clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.domain.worker_turns import (
    HALF_LIFE,
    HeldRun,
    Standing,
    TenantUse,
    WaitingRun,
    decayed_seconds,
    is_turn_over,
    order_of_runs,
    runs_to_yield_to,
)

BEGIN = datetime(2026, 1, 31, tzinfo=UTC)
TURN = 60


def run(tenant: str, key: int = 1, standing: Standing = Standing.QUEUED, base_model: str = "bart") -> WaitingRun:
    return WaitingRun(key=key, tenant=tenant, company=base_model, standing=standing)


def held(tenant: str, *, is_background: bool = False) -> HeldRun:
    return HeldRun(key=9, tenant=tenant, had_turn=True, is_background=is_background)


def first(waiting: list[WaitingRun], **uses: TenantUse) -> str:
    return order_of_runs(waiting, uses)[0].tenant


def test_the_tenant_with_the_fewest_running_runs_comes_first():
    waiting = [run("busy", 1), run("quiet", 2)]

    assert first(waiting, busy=TenantUse(running=1), quiet=TenantUse(recent_seconds=900.0)) == "quiet"


def test_among_equals_the_tenant_with_the_least_recent_compute_time_comes_first():
    waiting = [run("busy", 1), run("quiet", 2)]

    assert first(waiting, busy=TenantUse(recent_seconds=30.0), quiet=TenantUse(recent_seconds=20.0)) == "quiet"


def test_tenants_without_compute_time_take_turns_by_their_last_start():
    waiting = [run("one", 1), run("other", 2)]

    assert first(waiting, one=TenantUse(last_start=BEGIN)) == "other"
    assert first(waiting, one=TenantUse(last_start=BEGIN), other=TenantUse(last_start=BEGIN + HALF_LIFE)) == "one"


def test_within_a_tenant_begun_runs_come_before_queued_ones_and_older_before_newer():
    queued = [run("acme", 1), run("acme", 2)]
    begun = [
        run("acme", 4, Standing.YIELDED),
        run("acme", 5, Standing.INTERRUPTED),
        run("acme", 6, Standing.CANCELLING),
    ]

    assert [found.key for found in order_of_runs([*queued, *begun], {})] == [6, 5, 4, 1, 2]


def test_an_interrupted_run_continues_its_turn():
    waiting = [run("new", 1), run("busy", 2, Standing.INTERRUPTED)]

    assert first(waiting, busy=TenantUse(recent_seconds=50.0)) == "busy"


def test_a_run_yields_to_a_tenant_that_has_used_less():
    uses = {"busy": TenantUse(running=1, recent_seconds=60.0), "quiet": TenantUse(recent_seconds=59.0)}

    assert [found.tenant for found in runs_to_yield_to([held("busy")], [run("quiet")], uses)] == ["quiet"]


@pytest.mark.parametrize(
    ("waiting", "uses"),
    [
        ([], {}),
        ([run("busy", 2)], {}),
        ([run("other")], {"other": TenantUse(recent_seconds=61.0)}),
        ([run("other")], {"other": TenantUse(running=1)}),
    ],
    ids=["nothing waits", "only its own tenant's waits", "the other has used more", "the other has a worker"],
)
def test_a_run_keeps_its_worker_if(waiting, uses):
    uses = {"busy": TenantUse(running=1, recent_seconds=60.0)} | uses

    assert runs_to_yield_to([held("busy")], waiting, uses) == []


def test_background_runs_come_after_the_other_runs_of_their_tenant_and_take_its_turn_among_tenants():
    background = replace(run("acme", 1), is_background=True)
    waiting = [background, run("acme", 2), run("busy", 3)]
    uses = {"busy": TenantUse(recent_seconds=1.0)}

    assert [found.key for found in order_of_runs(waiting, uses)] == [2, 1, 3]


def test_a_background_run_yields_to_the_other_runs_of_its_own_tenant_only():
    uses = {"acme": TenantUse(running=1, recent_seconds=60.0)}
    waiting = [replace(run("acme", 1), is_background=True), run("acme", 2)]

    assert [found.key for found in runs_to_yield_to([held("acme", is_background=True)], waiting, uses)] == [2]
    assert runs_to_yield_to([held("acme", is_background=True), held("acme")], waiting, uses) == []


def test_compute_time_counts_half_after_the_half_life_and_never_more_than_all():
    assert decayed_seconds(100.0, HALF_LIFE) == pytest.approx(50.0)
    assert decayed_seconds(100.0, -HALF_LIFE) == 100.0


def test_a_turn_has_a_minimum_that_grows_with_the_overhead():
    assert not is_turn_over(tuned_seconds=59.0, overhead_seconds=0.0, turn_seconds=TURN)
    assert is_turn_over(tuned_seconds=60.0, overhead_seconds=3.0, turn_seconds=TURN)
    assert not is_turn_over(tuned_seconds=199.0, overhead_seconds=10.0, turn_seconds=TURN)
    assert is_turn_over(tuned_seconds=200.0, overhead_seconds=10.0, turn_seconds=TURN)


def test_a_download_that_took_an_hour_does_not_make_a_turn_of_a_day():
    assert is_turn_over(tuned_seconds=4 * TURN, overhead_seconds=3600.0, turn_seconds=TURN)


@dataclass
class Simulation:
    """Workers that tune endless or short runs of several tenants, second by second, by the decisions under test."""

    workers: int
    endless: dict[str, int] = field(default_factory=dict)
    now: datetime = BEGIN
    keys: int = 0
    switches: int = 0
    waiting: list[WaitingRun] = field(default_factory=list)
    running: list[tuple[WaitingRun, datetime, float]] = field(default_factory=list)
    used: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    left: dict[int, float] = field(default_factory=dict)
    total: Counter[str] = field(default_factory=Counter)
    waits: dict[int, datetime] = field(default_factory=dict)
    longest_wait: Counter[str] = field(default_factory=Counter)

    def queue(self, tenant: str, seconds: float = float("inf")) -> None:
        self.keys += 1
        self.waiting.append(run(tenant, self.keys))
        self.left[self.keys] = seconds
        self.waits[self.keys] = self.now

    def uses(self) -> dict[str, TenantUse]:
        running = Counter(held.tenant for held, _, _ in self.running)
        tenants = {*running, *self.used}
        return {
            tenant: TenantUse(
                running=running[tenant],
                recent_seconds=decayed_seconds(*self._recent(tenant)),
            )
            for tenant in tenants
        }

    def _recent(self, tenant: str) -> tuple[float, timedelta]:
        seconds, since = self.used.get(tenant, (0.0, self.now))
        return seconds, self.now - since

    def _take(self, chosen: WaitingRun) -> None:
        self.waiting.remove(chosen)
        waited = (self.now - self.waits[chosen.key]).total_seconds()
        self.longest_wait[chosen.tenant] = max(self.longest_wait[chosen.tenant], int(waited))
        self.running.append((chosen, self.now, self.left[chosen.key]))

    def second(self) -> None:
        while len(self.running) < self.workers and self.waiting:
            self._take(order_of_runs(self.waiting, self.uses())[0])
        self.now += timedelta(seconds=1)
        for held, _, _ in self.running:
            self.total[held.tenant] += 1
            self.left[held.key] -= 1
            self.used[held.tenant] = (decayed_seconds(*self._recent(held.tenant)) + 1, self.now)
        self.running = [entry for entry in self.running if self.left[entry[0].key] > 0]
        for entry in list(self.running):
            held, since, _ = entry
            tuned = (self.now - since).total_seconds()
            if not is_turn_over(tuned_seconds=tuned, overhead_seconds=1.0, turn_seconds=TURN):
                continue
            before = runs_to_yield_to(
                [HeldRun(key=held.key, tenant=held.tenant, had_turn=True)], self.waiting, self.uses()
            )
            if before:
                self.running.remove(entry)
                self._take(before[0])
                self.waits[held.key] = self.now
                self.waiting.append(run(held.tenant, held.key, Standing.YIELDED))
                self.switches += 1

    def hours(self, hours: float) -> None:
        for _ in range(int(3600 * hours)):
            self.second()


def test_a_short_run_waits_for_one_turn_only_behind_an_endless_one():
    simulation = Simulation(workers=1)
    simulation.queue("long")
    simulation.hours(2)

    simulation.queue("short", 5)
    simulation.hours(0.1)

    assert simulation.longest_wait["short"] <= 1
    assert simulation.switches == 1
    assert simulation.total["short"] == 5


def test_a_new_tenant_gets_a_head_start_of_minutes_and_then_half():
    simulation = Simulation(workers=1)
    simulation.queue("old")
    simulation.hours(3)
    simulation.queue("new")
    before = simulation.total["old"]
    simulation.hours(1)

    head_start = simulation.total["new"] - (simulation.total["old"] - before)
    assert 0 < head_start <= 2 * HALF_LIFE.total_seconds()
    new, old = simulation.total["new"], simulation.total["old"]
    simulation.hours(1)
    assert simulation.total["new"] - new == pytest.approx(simulation.total["old"] - old, abs=2 * TURN)


def test_a_stream_of_short_runs_does_not_starve_a_long_one():
    simulation = Simulation(workers=1)
    simulation.queue("long")
    for _ in range(12):
        for tenant in ("a", "b", "c"):
            for _ in range(10):
                simulation.queue(tenant, 10)
        simulation.hours(1 / 12)

    # Four tenants ask for more than there is, so each is to have a quarter.
    assert simulation.total["long"] == pytest.approx(900, abs=4 * TURN)


@settings(max_examples=examples(8), deadline=None)
@given(
    workers=st.integers(1, 3),
    tenants=st.lists(st.integers(1, 3), min_size=2, max_size=5),
)
def test_tenants_with_endless_runs_share_the_workers_evenly_without_ping_pong(workers: int, tenants: list[int]):
    simulation = Simulation(workers=workers)
    for number, runs in enumerate(tenants):
        for _ in range(runs):
            simulation.queue(f"tenant-{number}")
    simulation.hours(1)
    before, switches = simulation.total.copy(), simulation.switches
    simulation.hours(2)

    shares = {tenant: simulation.total[tenant] - before[tenant] for tenant in simulation.total}
    assert len(shares) == len(tenants)
    assert simulation.switches - switches <= workers * 7200 / TURN
    # A tenant with one run cannot use more than one worker.
    fair = min(workers * 7200 / len(tenants), 7200)
    assert min(shares.values()) >= 0.9 * fair - TURN
