from __future__ import annotations

import pytest

from foreword.tuning.schedule import rate_factor, updates_per_epoch


def _factors(schedule: str, warmup_ratio: float = 0.1) -> list[float]:
    return [rate_factor(update, total_updates=20, warmup_ratio=warmup_ratio, schedule=schedule) for update in range(20)]


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_the_rate_rises_to_its_peak_over_the_warm_up(schedule):
    assert _factors(schedule)[:3] == pytest.approx([0.5, 1.0, 1.0])


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_falls_towards_zero_and_never_below(schedule):
    factors = _factors(schedule)[2:]

    assert factors == sorted(factors, reverse=True)
    assert 0 < factors[-1] < 0.1


def test_a_constant_rate_stays_constant():
    assert _factors("constant", warmup_ratio=0.0) == [1.0] * 20


@pytest.mark.parametrize(
    ("rows", "batch_size", "accumulate", "expected"),
    [(200, 16, 16, 1), (160, 16, 1, 10), (161, 16, 1, 11), (33, 8, 2, 3)],
)
def test_the_last_window_of_an_epoch_makes_an_update_even_if_it_is_short(rows, batch_size, accumulate, expected):
    assert updates_per_epoch(rows, batch_size, accumulate) == expected
