from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from factories.examples import examples
from foreword.tuning.company.pass_schedule import Part, PassSchedule

PASS_TOKENS = 100


@dataclass(eq=False)
class Run:
    """A run as the schedule knows it: updates of parts."""

    tenant: str
    updates: Sequence[Sequence[int]]
    made: int = 0
    given: int = 0

    @property
    def tokens(self) -> int:
        return sum(map(sum, self.updates))

    @property
    def under_way(self) -> bool:
        return self.given > 0


@dataclass
class Pass:
    sizes: list[int] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    @property
    def tokens(self) -> int:
        return sum(self.sizes)


def _run_all(runs: Sequence[Run]) -> Iterator[Pass]:
    """Make all passes of runs that join at the start."""
    schedule: PassSchedule[Run] = PassSchedule(PASS_TOKENS)

    def add(run: Run) -> None:
        schedule.add(run.tenant, run, [Part(cost=size, size=size) for size in run.updates[run.made]])

    for run in runs:
        add(run)
    while turns := schedule.next():
        made = Pass()
        for turn in turns:
            run = turn.run
            made.sizes += run.updates[run.made][run.given : run.given + turn.num_parts]
            made.runs.append(run)
            run.given += turn.num_parts
            if run.given == len(run.updates[run.made]):
                run.made, run.given = run.made + 1, 0
                if run.made < len(run.updates):
                    add(run)
        yield made


PARTS = st.lists(st.integers(1, 250), min_size=1, max_size=4)
RUNS = st.lists(
    st.builds(Run, tenant=st.sampled_from("abcd"), updates=st.lists(PARTS, min_size=1, max_size=12)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=examples(200))
@given(runs=RUNS)
def test_every_update_is_made_once_in_passes_within_the_limit(runs):
    passes = list(_run_all(runs))

    assert all(run.made == len(run.updates) and not run.under_way for run in runs)
    assert sum(made.tokens for made in passes) == sum(run.tokens for run in runs)
    assert all(made.tokens <= PASS_TOKENS or len(made.sizes) == 1 for made in passes)


@settings(max_examples=examples(200))
@given(runs=RUNS)
def test_an_update_that_has_begun_goes_on_before_another_of_the_tenant_begins(runs):
    begun: set[Run] = set()
    for made in _run_all(runs):
        for tenant in {run.tenant for run in made.runs if run not in begun}:
            assert all(run in made.runs for run in begun if run.tenant == tenant)
        begun = {run for run in runs if run.under_way}


@settings(max_examples=examples(300))
@given(runs=RUNS)
def test_no_tenant_waits_longer_than_for_equal_shares_of_the_others(runs):
    """For each token and each part of a tenant, every other tenant gets at most as many tokens, and one pass."""
    largest = max(PASS_TOKENS, max(size for run in runs for parts in run.updates for size in parts))
    work, num_parts = Counter(), Counter()
    for run in runs:
        work[run.tenant] += run.tokens
        num_parts[run.tenant] += sum(map(len, run.updates))
    total = 0

    for made in _run_all(runs):
        total += made.tokens
        for tenant in {run.tenant for run in made.runs}:
            if all(run.made == len(run.updates) for run in runs if run.tenant == tenant):
                assert total <= len(work) * (work[tenant] + num_parts[tenant] * largest)


def test_tenants_get_equal_tokens_for_any_number_and_length_of_runs():
    busy = [Run("busy", [[90]] * 50) for _ in range(5)]
    small = Run("small", [[30, 30]] * 50)
    tokens: Counter[str] = Counter()

    for made in _run_all([*busy, small]):
        for run, size in zip(made.runs, made.sizes, strict=False):
            tokens[run.tenant] += size if run is not small else 60
        if small.made == len(small.updates):
            break

    assert abs(tokens["busy"] - tokens["small"]) <= 2 * PASS_TOKENS


def test_a_run_of_two_updates_does_not_wait_for_one_of_fifty():
    long, short = Run("one", [[90]] * 50), Run("another", [[90]] * 2)

    passes = list(_run_all([long, short]))

    assert max(number for number, made in enumerate(passes) if short in made.runs) == 3


def test_runs_of_a_tenant_take_turns():
    first, second = Run("acme", [[60]] * 3), Run("acme", [[60]] * 3)

    assert [made.runs for made in _run_all([first, second])] == [[first], [second]] * 3


def test_small_updates_share_a_pass():
    runs = [Run(tenant, [[25]] * 2) for tenant in ("a", "a", "b", "b")]

    assert [set(made.runs) for made in _run_all(runs)] == [set(runs)] * 2


def test_a_run_that_was_removed_gets_no_turn():
    schedule: PassSchedule[str] = PassSchedule(PASS_TOKENS)
    schedule.add("acme", "gone", [Part(cost=80, size=80)] * 2)
    schedule.add("acme", "here", [Part(cost=80, size=80)])
    assert [turn.run for turn in schedule.next()] == ["gone"]

    schedule.remove("gone")
    schedule.remove("never there")

    assert [turn.run for turn in schedule.next()] == ["here"]
    assert schedule.next() == []
