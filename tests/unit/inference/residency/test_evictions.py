"""The choice of base models to unload."""

from __future__ import annotations

import pytest

from foreword.inference.residency.evictions import Resident, choose_evictions


def resident(name: str, byte_size: int, *, last_used: float = 0.0, **fields) -> Resident:
    return Resident(name=name, byte_size=byte_size, last_used=last_used, **fields)


def test_no_model_is_evicted_while_there_is_room():
    assert choose_evictions([resident("a", 10)], missing_bytes=0, now=9.0).names == ()


def test_the_least_recently_used_model_is_evicted_first_and_no_more_than_needed():
    used = {"new": 3.0, "old": 1.0, "middle": 2.0}
    residents = [resident(name, 10, last_used=last_used) for name, last_used in used.items()]

    assert choose_evictions(residents, missing_bytes=10, now=9.0).names == ("old",)
    assert choose_evictions(residents, missing_bytes=11, now=9.0).names == ("old", "middle")


def test_a_small_model_stays_if_a_large_one_is_evicted_anyway():
    residents = [resident("small", 1, last_used=1.0), resident("large", 10, last_used=2.0)]

    assert choose_evictions(residents, missing_bytes=10, now=9.0).names == ("large",)


def test_a_model_in_use_stays_and_the_error_gives_the_time_to_retry():
    evictions = choose_evictions([resident("held", 10, held=True)], missing_bytes=5, now=9.0)

    assert evictions.names == ()
    assert evictions.retry_seconds is not None
    assert evictions.retry_seconds > 0


def test_a_recently_loaded_model_stays_for_its_minimum_time():
    residents = [resident("fresh", 10, stays_until=12.5), resident("other", 2, held=True)]

    assert choose_evictions(residents, missing_bytes=5, now=9.0).retry_seconds == pytest.approx(3.5)
    assert choose_evictions(residents, missing_bytes=5, now=12.5).names == ("fresh",)


def test_no_model_is_evicted_in_vain():
    residents = [resident("idle", 10), resident("held", 100, held=True)]

    assert choose_evictions(residents, missing_bytes=50, now=9.0).names == ()
