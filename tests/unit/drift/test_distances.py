from __future__ import annotations

import numpy as np
import pytest

from foreword.drift.distances import difference, divergence


def words(random: np.random.Generator, rows: int, shares: np.ndarray) -> np.ndarray:
    """Rows of words, of which each row repeats some, so that they are not independent."""
    found = np.zeros((rows, len(shares)))
    for row in found:
        row[random.choice(len(shares), size=8, p=shares)] = 1
    return found


def uniform(count: int) -> np.ndarray:
    return np.full(count, 1 / count)


@pytest.mark.parametrize(("first", "second", "categories"), [(40, 150, 10), (60, 120, 200)])
def test_samples_of_one_distribution_have_no_divergence_and_an_interval_that_holds_it(first, second, categories):
    """Without the correction, it would be far above 0: by 0.2 bits for 200 categories."""
    random = np.random.default_rng(3)

    found = [
        divergence(words(random, first, uniform(categories)), words(random, second, uniform(categories)))
        for _ in range(15)
    ]

    values = np.array([item.value for item in found])
    assert abs(values.mean()) < 3 * values.std() / len(values) ** 0.5 + 1e-3
    assert sum(item.lower <= 0 <= item.upper for item in found) >= 13
    assert min(item.p_value for item in found) > 0.001
    assert 0.2 < np.mean([item.p_value for item in found]) < 0.8


def test_a_divergence_is_that_of_the_distributions():
    """Half of the rows of the second sample are of a category that the first does not have."""
    first, second = np.eye(2)[[0] * 300], np.eye(2)[[0] * 150 + [1] * 150]
    expected = 0.5 * np.log2(1 / 0.75) + 0.5 * (0.5 * np.log2(0.5 / 0.75) + 0.5 * np.log2(0.5 / 0.25))

    found = divergence(first, second)

    assert found.value == pytest.approx(expected, abs=0.01)
    assert found.lower < expected < found.upper
    assert found.p_value < 0.001
    assert divergence(np.eye(2)[[0] * 200], np.eye(2)[[1] * 200]).value == pytest.approx(1.0, abs=0.02)


def test_the_result_is_the_same_every_time():
    random = np.random.default_rng(0)
    first, second = (random.integers(0, 2, size=(50, 20)).astype(float) for _ in range(2))

    assert divergence(first, second) == divergence(first, second)


def test_a_difference_has_the_interval_of_two_means():
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(100):
        found = difference(random.normal(0.9, 0.1, 50), random.normal(0.8, 0.1, 200))
        covered += found.lower < -0.1 < found.upper

    assert 88 <= covered <= 99
    same, other = difference(np.ones(50), np.ones(100)), difference(np.ones(50), np.zeros(100))
    assert (same.value, same.lower, same.upper, same.p_value) == (0, 0, 0, 1)
    assert (other.value, other.p_value) == (-1, 1 / 2001)


def test_small_shares_differ_by_chance_as_rarely_as_they_say():
    """By a normal distribution with the variances of the samples, a fifth would differ with a probability of 5 %."""
    random = np.random.default_rng(7)

    found = [
        difference((random.random(30) < 0.05) * 1.0, (random.random(120) < 0.05) * 1.0, are_shares=True)
        for _ in range(100)
    ]

    assert sum(item.p_value <= 0.05 for item in found) <= 9
    assert sum(item.lower <= 0 <= item.upper for item in found) >= 93
    assert difference(np.zeros(30), np.repeat([1.0, 0.0], [60, 60]), are_shares=True).p_value <= 0.001
    unseen = difference(np.zeros(30), np.zeros(120), are_shares=True)
    assert (unseen.value, unseen.p_value) == (0, 1)
    assert unseen.lower < -0.03
    assert unseen.upper > 0.03


def test_long_work_can_be_stopped():
    def stop() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        divergence(np.eye(2)[[0, 1]], np.eye(2)[[0, 1]], stop)
