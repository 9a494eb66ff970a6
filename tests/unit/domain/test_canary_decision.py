"""Decisions about canaries, on simulated requests."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from foreword.domain.canary_decision import decide
from foreword.domain.rate_bounds import lower_bound, upper_bound
from foreword.domain.rollout import CanaryPlan, Rollout, RolloutState
from foreword.domain.rollout_expiry import expiry_explanation
from foreword.domain.rollout_figures import Observation, RevisionFigures, RolloutFigures

MANUAL = CanaryPlan(share=0.1, promote_after_requests=0)


def figures(
    requests: int = 0, errors: int = 0, abstentions: int = 0, seconds: float = 0.1, missed: int = 0
) -> RevisionFigures:
    return RevisionFigures.of(
        Observation(
            seconds=seconds,
            failure="INTERNAL" if number < errors else "",
            abstained=number < abstentions,
            missed=requests - number <= missed,
        )
        for number in range(requests)
    )


def rolled_back_after(
    seed: int, *, error: float = 0.0, miss: float = 0.0, abstain: float = 0.05, slower: float = 1.0, most: int = 200
) -> int | None:
    """Return the number of simulated canary requests after which a revision is rolled back; None if it is not.

    The figures are looked at every eight canary requests, of which each comes with nine to the stable revision. The
    stable revision abstains in 5 % of its answers, and latencies are log-normal.
    """
    draw = random.Random(seed)
    sums = RolloutFigures()
    for count in range(8, most + 1, 8):
        ours = [
            Observation(
                seconds=slower * draw.lognormvariate(-2.5, 0.5),
                failure="INTERNAL" if draw.random() < error else "",
                missed=draw.random() < miss,
                abstained=draw.random() < abstain,
            )
            for _ in range(8)
        ]
        theirs = [
            Observation(seconds=draw.lognormvariate(-2.5, 0.5), abstained=draw.random() < 0.05) for _ in range(72)
        ]
        sums = sums.plus(RolloutFigures(candidate=RevisionFigures.of(ours), stable=RevisionFigures.of(theirs)))
        if decide(MANUAL, sums).state is RolloutState.ROLLED_BACK:
            return count
    return None


@pytest.mark.parametrize(
    "fault",
    [{"error": 0.2}, {"error": 1.0}, {"miss": 0.2}, {"miss": 1.0}, {"abstain": 0.4}, {"abstain": 1.0}, {"slower": 3.0}],
    ids=str,
)
def test_a_bad_revision_is_rolled_back_within_200_canary_requests(fault):
    assert all(rolled_back_after(seed, **fault) is not None for seed in range(20))


def test_a_revision_just_within_its_limits_is_rarely_rolled_back():
    # At most 1 % is promised. None of 1,000 was in a simulation of 1,000 canary requests each.
    rolled_back = [rolled_back_after(seed, error=0.02, abstain=0.15, slower=1.5) for seed in range(100)]

    assert sum(found is not None for found in rolled_back) <= 2


def test_figures_within_the_limits_promote_after_the_wanted_number_of_requests():
    plan = CanaryPlan(share=0.1, promote_after_requests=50)
    stable = figures(500, abstentions=25)

    early = decide(plan, RolloutFigures(candidate=figures(49), stable=stable))
    enough = decide(plan, RolloutFigures(candidate=figures(50, errors=1, abstentions=3), stable=stable))

    assert early.state is RolloutState.RUNNING
    assert enough.state is RolloutState.PROMOTED
    assert enough.explanation.startswith("Of 50 canary requests, 1 failed (INTERNAL 1); it abstained in 6.0%")


@pytest.mark.parametrize(
    "candidate",
    [figures(50, errors=2), figures(50, missed=2), figures(50, abstentions=10), figures(50, seconds=0.17)],
    ids=str,
)
def test_a_figure_above_its_limit_by_chance_neither_promotes_nor_rolls_back(candidate):
    plan = CanaryPlan(share=0.1, promote_after_requests=50)
    stable = figures(20, abstentions=1)

    assert decide(plan, RolloutFigures(candidate=candidate, stable=stable)).state is RolloutState.RUNNING


@pytest.mark.parametrize("slower", [1.45, 1.5, 1.53, 1.55, 1.6, 1.7])
def test_a_median_close_to_the_limit_of_latency_does_not_keep_a_canary_running_forever(slower):
    ours, theirs = figures(10_000, seconds=0.1 * slower), figures(90_000)

    assert decide(CanaryPlan(share=0.1), RolloutFigures(candidate=ours, stable=theirs)).state.ended


def test_callers_who_wait_in_vain_during_an_overload_of_both_revisions_prove_nothing():
    decision = decide(MANUAL, RolloutFigures(candidate=figures(100, missed=60), stable=figures(900, missed=540)))

    assert decision.state is RolloutState.RUNNING


def test_the_explanation_names_every_limit_that_is_violated():
    ours, theirs = figures(100, errors=50, abstentions=90, seconds=1.0), figures(900)

    decision = decide(MANUAL, RolloutFigures(candidate=ours, stable=theirs))

    assert decision.state is RolloutState.ROLLED_BACK
    for part in ("50 failed (INTERNAL 50), above the limit of 2.0%", "abstained in 90.0%", "1.5 times as long"):
        assert part in decision.explanation


def test_the_median_is_at_most_five_percent_off():
    for seconds in (0.002, 0.0431, 0.9, 70.0):
        assert figures(3, seconds=seconds).median_seconds == pytest.approx(seconds, rel=0.05)


def test_bounds_of_a_rate_enclose_what_was_seen():
    assert lower_bound(0, 0, 0.01) == 0
    assert upper_bound(0, 0, 0.01) == 1
    assert 0.3 < lower_bound(50, 100, 0.01) < 0.5 < upper_bound(50, 100, 0.01) < 0.7


def test_reasons_of_errors_beyond_eight_are_counted_together():
    seen = [Observation(seconds=0.1, failure=f"REASON_{number}") for number in range(12)]
    sums = RevisionFigures.of(seen).plus(RevisionFigures.of(seen))

    assert sums.errors == sum(sums.error_reasons.values()) == 24
    assert len(sums.error_reasons) == 9
    assert sums.error_reasons["OTHER"] == 8


def test_no_explanation_is_longer_than_its_limit():
    million = 1_000_000
    ours = RevisionFigures(
        requests=million,
        errors=million // 2,
        error_reasons={f"{number:040}": 100_000 for number in range(5)},
        missed=million // 2,
        classifications=million,
        abstentions=million,
        latencies={"159": million},
    )
    worst = RolloutFigures(candidate=ours, stable=figures(1000))
    running = Rollout(plan=CanaryPlan(share=0.1), figures=worst, start_time=datetime(2026, 1, 31, tzinfo=UTC))

    assert decide(MANUAL, worst).explanation.count("above the limit") == 4
    assert len(decide(MANUAL, worst).explanation) <= 900
    assert len(expiry_explanation(running)) <= 900
