"""Companies of runs at a worker: who joins, who yields a place, and when a company ends its turn as a whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.domain.worker_turns import (
    Exchange,
    HeldRun,
    Standing,
    TenantUse,
    WaitingRun,
    choose_exchange,
    order_of_runs,
    runs_to_join,
)

TURN = 60


def run(tenant: str, key: int = 1, base_model: str = "bart", standing: Standing = Standing.QUEUED) -> WaitingRun:
    return WaitingRun(key=key, tenant=tenant, company=base_model, standing=standing)


def held(tenant: str, key: int, had_turn: bool = True) -> HeldRun:
    return HeldRun(key=key, tenant=tenant, had_turn=had_turn)


def exchange(
    company: list[HeldRun], waiting: list[WaitingRun], *, had_turn: bool = True, is_full: bool = True, **uses: TenantUse
) -> Exchange | None:
    """Decide for a company on `bart`. Tenants without a given use have only the runs of the company."""
    running = Counter(item.tenant for item in company)
    known = {tenant: TenantUse(running=count, recent_seconds=60.0) for tenant, count in running.items()}
    return choose_exchange(company, waiting, known | uses, company="bart", had_turn=had_turn, is_full=is_full)


def test_runs_of_all_tenants_on_the_base_model_join_in_the_order_of_their_turns():
    waiting = [run("busy", 1), run("quiet", 2), run("busy", 3, base_model="llama")]

    joining = runs_to_join("bart", waiting, {"busy": TenantUse(running=1)})

    assert [item.key for item in joining] == [2, 1]


def test_a_run_does_not_overtake_an_older_one_of_its_tenant_on_another_base_model():
    older, younger, other = run("acme", 1, "llama"), run("acme", 2), run("other", 3)

    assert runs_to_join("bart", [older, younger, other], {}) == [other]
    assert runs_to_join("bart", [replace(older, key=9), younger, other], {}) == [younger, other]


def test_a_run_that_can_join_takes_nobodys_place():
    assert exchange([held("busy", 1)], [run("quiet", 2)], is_full=False) is None


def test_in_a_full_company_the_newest_run_of_the_busiest_tenant_yields_its_place():
    company = [held("busy", 1), held("busy", 2), held("calm", 3)]

    found = exchange(company, [run("quiet", 9)])

    assert found == Exchange(leaving=frozenset({2}), following=(run("quiet", 9),))


def test_a_run_keeps_its_place_until_it_has_had_its_turn():
    company = [held("busy", 1), held("busy", 2, had_turn=False)]

    assert exchange(company, [run("quiet", 9)]).leaving == {1}
    assert exchange([held("busy", 2, had_turn=False)], [run("quiet", 9)]) is None


def test_a_tenant_gets_no_more_places_than_the_others_have():
    company = [held("busy", 1), held("busy", 2), held("quiet", 3), held("quiet", 4)]

    assert exchange(company, [run("quiet", 9), run("busy", 10)]) is None


def test_a_company_ends_its_turn_as_a_whole_for_another_base_model():
    company = [held("busy", 1), held("calm", 2, had_turn=False)]

    found = exchange(company, [run("quiet", 9, "llama")], is_full=False)

    assert found == Exchange(leaving=frozenset({1, 2}), following=(run("quiet", 9, "llama"),))


@pytest.mark.parametrize(
    ("waiting", "uses", "had_turn"),
    [
        ([run("quiet", 9, "llama")], {}, False),
        ([run("busy", 9, "llama")], {}, True),
        ([run("quiet", 9, "llama")], {"quiet": TenantUse(recent_seconds=61.0)}, True),
        ([run("quiet", 9, "llama")], {"quiet": TenantUse(running=1)}, True),
        ([run("quiet", 9, "llama")], {"calm": TenantUse(running=1)}, True),
    ],
    ids=[
        "it has not had its turn",
        "the other run belongs to one of its tenants",
        "the other tenant has used more",
        "the other tenant has a worker",
        "one of its tenants has used less",
    ],
)
def test_a_company_goes_on_if(waiting, uses, had_turn):
    company = [held("busy", 1), held("calm", 2)]

    assert exchange(company, waiting, had_turn=had_turn, is_full=False, **uses) is None


def test_of_two_exchanges_the_one_for_the_tenant_that_comes_first_is_made():
    company = [held("busy", 1), held("busy", 2)]
    alike, other = run("alike", 8), run("other", 9, "llama")
    later = TenantUse(recent_seconds=1.0)

    assert exchange(company, [alike, other], other=later).leaving == {2}
    assert exchange(company, [alike, other], alike=later).leaving == {1, 2}


@dataclass
class Workshop:
    """One worker with room for a few runs at once, which get equal shares of each second."""

    room: int
    now: int = 0
    keys: int = 0
    base_model: str = ""
    since: int = 0
    loads: int = 0
    waiting: list[WaitingRun] = field(default_factory=list)
    company: dict[int, tuple[WaitingRun, int]] = field(default_factory=dict)
    left: dict[int, float] = field(default_factory=dict)
    begun: dict[int, int] = field(default_factory=dict)
    total: Counter[str] = field(default_factory=Counter)

    def queue(self, tenant: str, base_model: str = "bart", seconds: float = float("inf")) -> int:
        self.keys += 1
        self.waiting.append(run(tenant, self.keys, base_model))
        self.left[self.keys] = seconds
        return self.keys

    def uses(self) -> dict[str, TenantUse]:
        running = Counter(item.tenant for item, _ in self.company.values())
        return {
            tenant: TenantUse(running=running[tenant], recent_seconds=self.total[tenant])
            for tenant in {*running, *self.total}
        }

    def take(self, chosen: WaitingRun) -> None:
        self.waiting.remove(chosen)
        self.company[chosen.key] = (chosen, self.now)
        self.begun.setdefault(chosen.key, self.now)

    def begin(self, chosen: WaitingRun) -> None:
        self.base_model, self.since = chosen.company, self.now
        self.loads += 1
        self.take(chosen)

    def yield_to(self, found: Exchange) -> None:
        leaving = [self.company.pop(key)[0] for key in found.leaving]
        following = found.following[0]
        (self.take if self.company else self.begin)(following)
        self.waiting += [replace(item, standing=Standing.YIELDED) for item in leaving]

    def second(self) -> None:
        if not self.company and self.waiting:
            self.begin(order_of_runs(self.waiting, self.uses())[0])
        while len(self.company) < self.room:
            joining = runs_to_join(self.base_model, self.waiting, self.uses())
            if not joining:
                break
            self.take(joining[0])
        self.now += 1
        share = 1 / max(1, len(self.company))
        for key, (item, _) in list(self.company.items()):
            self.total[item.tenant] += share
            self.left[key] -= share
            if self.left[key] <= 1e-9:
                del self.company[key]
        if not self.company:
            return
        found = choose_exchange(
            [held(item.tenant, key, self.now - since >= TURN) for key, (item, since) in self.company.items()],
            self.waiting,
            self.uses(),
            company=self.base_model,
            had_turn=self.now - self.since >= TURN,
            is_full=len(self.company) >= self.room,
        )
        if found:
            self.yield_to(found)

    def seconds(self, count: int) -> None:
        for _ in range(count):
            self.second()


def test_a_run_joins_at_once_where_there_is_room_and_waits_for_a_turn_where_there_is_none():
    workshop = Workshop(room=3)
    for _ in range(2):
        workshop.queue("busy")
    workshop.seconds(10)
    at_once = workshop.queue("quiet")
    workshop.seconds(1)
    later = workshop.queue("late")
    workshop.seconds(TURN)

    assert workshop.begun[at_once] == 10
    assert workshop.begun[later] == TURN
    assert len(workshop.company) == 3


def test_a_stream_of_short_runs_on_one_base_model_does_not_starve_a_run_on_another():
    workshop = Workshop(room=4)
    workshop.queue("stream", seconds=5)
    workshop.seconds(1)
    other = workshop.queue("other", "llama")
    for number in range(3 * TURN):
        workshop.queue(f"stream-{number % 7}", seconds=5)
        workshop.seconds(1)

    assert workshop.begun[other] <= TURN + 1


def test_a_tenants_own_stream_of_runs_on_one_base_model_does_not_starve_its_run_on_another():
    workshop = Workshop(room=4)
    workshop.queue("acme", seconds=20)
    workshop.seconds(1)
    other = workshop.queue("acme", "llama", seconds=5)
    for _ in range(60):
        workshop.queue("acme", seconds=20)
        workshop.seconds(1)

    assert workshop.begun[other] <= 25


@settings(max_examples=examples(20), deadline=None)
@given(
    room=st.integers(1, 4),
    tenants=st.lists(st.lists(st.sampled_from(["bart", "llama"]), min_size=1, max_size=3), min_size=2, max_size=5),
)
def test_every_run_gets_its_turn_and_base_models_change_at_most_once_a_turn(room: int, tenants: list[list[str]]):
    workshop = Workshop(room=room)
    keys = [workshop.queue(f"tenant-{number}", base) for number, runs in enumerate(tenants) for base in runs[:1]]
    workshop.seconds(20 * TURN)

    assert all(key in workshop.begun for key in keys)
    assert workshop.loads <= 20 + 1
    assert len(workshop.company) <= room
