"""For how long callers wait for a canary."""

from __future__ import annotations

import pytest

from foreword.domain.canary_wait import longest_wait_seconds, wait_seconds
from foreword.domain.rollout import CanaryPlan
from foreword.domain.rollout_figures import Observation, RevisionFigures

DEFAULT, TOLERANT = CanaryPlan(share=0.1), CanaryPlan(share=0.1, max_latency_ratio=1000.0)


def answered(*seconds: float) -> RevisionFigures:
    return RevisionFigures.of(Observation(seconds=item) for item in seconds)


def test_a_caller_waits_as_long_as_the_plan_allows_for_the_slowest_requests():
    stable = answered(*[0.1] * 90, *[20.0] * 10)

    assert longest_wait_seconds(DEFAULT, stable) == pytest.approx(30.0, rel=0.1)
    assert longest_wait_seconds(TOLERANT, stable) == pytest.approx(80.0, rel=0.1)
    assert longest_wait_seconds(TOLERANT, answered(*[0.1] * 999, 600.0)) < 62, "one request in a thousand is left out"


def test_a_fast_service_waits_out_a_hiccup_and_an_unknown_one_ten_seconds():
    assert longest_wait_seconds(DEFAULT, answered(0.01)) == 2.0
    assert longest_wait_seconds(DEFAULT, RevisionFigures()) == 10.0


def test_three_quarters_of_the_time_until_the_deadline_are_left_to_the_stable_revision():
    assert wait_seconds(10.0, None) == 10.0
    assert wait_seconds(10.0, 60.0) == 10.0
    assert wait_seconds(10.0, 4.0) == 1.0
    assert wait_seconds(10.0, -1.0) == 0.0
