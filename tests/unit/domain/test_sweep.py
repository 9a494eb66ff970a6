"""Search spaces: which combinations they have."""

from __future__ import annotations

import pytest

from foreword.domain.halving import HeldOutScore, Rung, Stop
from foreword.domain.sweep import (
    Search,
    SearchSpace,
    SweptParameter,
    SweptRange,
    describe_values,
    shown_value,
    stop_reason,
)

RATES = SweptParameter(name="learning_rate", values=(0.01, 0.03, 0.1))
LENGTHS = SweptParameter(name="num_virtual_tokens", values=(10, 20))


def space(*parameters: SweptParameter, search: Search = Search.GRID, most: int = 64, seed: int = 0) -> SearchSpace:
    return SearchSpace(
        parameters=parameters, search=search, max_combinations=most, num_seeds=1, seed=seed, halving=True
    )


def test_a_grid_has_every_combination_the_last_parameter_fastest() -> None:
    found = space(RATES, LENGTHS).combinations()

    assert len(found) == space(RATES, LENGTHS).size == 6
    assert found[:3] == [
        {"learning_rate": 0.01, "num_virtual_tokens": 10},
        {"learning_rate": 0.01, "num_virtual_tokens": 20},
        {"learning_rate": 0.03, "num_virtual_tokens": 10},
    ]


def test_a_space_without_parameters_has_one_combination() -> None:
    assert space().combinations() == [{}]


def test_a_random_search_takes_some_of_the_grid_and_none_twice() -> None:
    grid = space(RATES, LENGTHS).combinations()
    found = space(RATES, LENGTHS, search=Search.RANDOM, most=4).combinations()

    assert len(found) == 4
    assert [item for item in grid if item in found] == found
    assert space(RATES, LENGTHS, search=Search.RANDOM, most=9).combinations() == grid


def test_a_random_search_is_repeated_by_its_seed() -> None:
    def draw(seed: int) -> object:
        swept = SweptParameter(name="learning_rate", range=SweptRange(minimum=0.001, maximum=1.0, logarithmic=True))
        return space(swept, LENGTHS, search=Search.RANDOM, most=16, seed=seed).combinations()

    assert draw(1) == draw(1) != draw(2)


def test_a_logarithmic_range_is_spread_evenly_over_its_magnitudes_with_few_digits() -> None:
    swept = SweptParameter(name="learning_rate", range=SweptRange(minimum=0.001, maximum=1.0, logarithmic=True))
    drawn = [item["learning_rate"] for item in space(swept, search=Search.RANDOM, most=60).combinations()]

    assert all(0.001 <= value <= 1.0 for value in drawn)
    assert 10 <= sum(value < 0.01 for value in drawn) <= 30
    assert all(value == float(f"{value:.3g}") for value in drawn)


def test_a_range_of_few_whole_numbers_gives_each_once() -> None:
    swept = SweptParameter(name="num_virtual_tokens", range=SweptRange(minimum=5, maximum=8, whole=True))
    drawn = [item["num_virtual_tokens"] for item in space(swept, search=Search.RANDOM, most=20).combinations()]

    assert sorted(drawn) == [5, 6, 7, 8]
    assert all(isinstance(value, int) for value in drawn)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.03, 0.03), ("short", "short"), ("x" * 300, "x" * 194 + " [...]"), (["a", "b"], ["a", "b"])],
)
def test_long_values_are_cut_where_they_are_shown(value: object, shown: object) -> None:
    assert shown_value(value) == shown


def test_a_stop_says_at_which_epoch_how_many_were_better() -> None:
    stop = Stop(number=3, rung=Rung(epoch=2, keep=4), score=HeldOutScore(epoch=1, metric=0.25, loss=1.5))

    assert stop_reason(stop).message == (
        "Its sweep stopped this trial: at epoch 2, 4 others were better on the held-out rows, where it had score 0.250 "
        "and loss 1.500."
    )
    second = Stop(number=3, rung=Rung(epoch=2, keep=1), score=HeldOutScore(epoch=1, metric=None, loss=1.5))
    assert "at epoch 2, another was better on the held-out rows, where it had loss 1.500" in stop_reason(second).message
    assert describe_values({"learning_rate": 0.03, "tuning_type": "ia3"}, 2, num_seeds=3) == (
        "learning_rate=0.03, tuning_type=ia3, seed=2"
    )
