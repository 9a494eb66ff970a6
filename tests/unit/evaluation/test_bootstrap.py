from __future__ import annotations

import time

import numpy as np
import pytest

from factories.simulated_evaluations import LabelSets, Shares, measure_coverage
from factories.tasks import Shout, answers
from foreword.evaluation.bootstrap import bootstrap
from foreword.evaluation.row_statistics import RowStatistics
from foreword_tasks.classification import Classification


def _statistics(rows):
    found = RowStatistics()
    for row in rows:
        found.add(row)
    return found


def _shares(*right):
    return _statistics([1.0, float(value)] for value in right)


def _mean(sums):
    return {"mean": sums[1] / sums[0] if sums[0] else 0.0}


@pytest.mark.parametrize(
    ("simulation", "row_count"),
    [
        (Shares(first=0.9, second=0.85), 40),
        (Shares(first=0.98, second=0.97), 40),
        (LabelSets(first=(0.95, 0.01), second=(0.93, 0.012)), 40),
        (LabelSets(first=(0.8, 0.05), second=(0.7, 0.06)), 200),
    ],
)
def test_about_95_percent_of_the_intervals_contain_the_true_value(simulation, row_count):
    found = measure_coverage(simulation, row_count=row_count, repeats=60, num_resamples=200)

    assert min(coverage.covered for coverage in found.values()) >= 0.85
    assert max(coverage.width for coverage in found.values()) < 0.4


def test_the_interval_of_a_share_is_that_of_wilson():
    interval = bootstrap([_shares(*[1] * 36, *[0] * 4)], _mean).intervals[0]["mean"]

    # Brown, Cai and DasGupta 2001, formula 4, with z = 1.959964 and 36 of 40.
    assert (interval.lower, interval.upper) == (pytest.approx(0.76945, abs=1e-4), pytest.approx(0.96041, abs=1e-4))


def test_rows_that_are_all_right_leave_room_for_wrong_ones():
    interval = bootstrap([_shares(*[1] * 40)], _mean).intervals[0]["mean"]

    assert interval.upper == 1.0
    assert interval.lower == pytest.approx(1 - 0.0876, abs=1e-4)


def test_the_interval_of_a_mean_is_about_that_of_a_normal_distribution():
    values = np.random.default_rng(0).normal(5, 2, size=400)

    interval = bootstrap([_shares(*values)], _mean).intervals[0]["mean"]

    half = 1.96 * values.std() / 20
    assert interval.lower == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.upper == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_the_interval_of_a_skewed_mean_reaches_further_to_the_side_of_the_rare_rows():
    values = np.random.default_rng(0).exponential(size=100) ** 2

    interval = bootstrap([_shares(*values)], _mean).intervals[0]["mean"]

    assert interval.upper - values.mean() > 1.2 * (values.mean() - interval.lower)


def test_a_metric_without_limits_has_no_interval_if_all_rows_are_the_same():
    result = bootstrap([_shares(*[7] * 40), _shares(*[7] * 40)], _mean)

    assert "mean" not in result.intervals[0]
    assert result.differences[0]["mean"].interval is None
    assert result.differences[0]["mean"].difference == 0.0


def test_a_difference_is_sharper_than_the_intervals_of_two_systems_that_fail_on_the_same_rows():
    hard = np.random.default_rng(0).random(200) < 0.5
    better = hard.copy()
    better[np.flatnonzero(~hard)[:12]] = True

    result = bootstrap([_shares(*hard), _shares(*better)], _mean)

    found = result.differences[0]["mean"]
    assert found.difference == pytest.approx(0.06)
    assert 0 < found.interval.lower < found.difference < found.interval.upper
    assert result.intervals[1]["mean"].lower < result.intervals[0]["mean"].upper


def test_two_systems_with_the_same_answers_may_still_differ_on_other_rows():
    shares, scores = [1] * 30 + [0] * 10, [0.3, 0.7] * 20

    for rows in (shares, scores):
        interval = bootstrap([_shares(*rows), _shares(*rows)], _mean).differences[0]["mean"].interval
        assert interval.lower == pytest.approx(-0.066, abs=1e-3)
        assert interval.upper == pytest.approx(0.066, abs=1e-3)


def test_many_distinct_rows_of_many_statistics_give_the_same_intervals_as_a_small_table(monkeypatch):
    random = np.random.default_rng(0)
    rows = [[1.0, *row] for row in random.integers(0, 3, size=(60, 6)).astype(float)]
    systems = [_statistics(rows), _statistics(reversed(rows))]

    def metrics(sums):
        return {"ratio": sums[1] / max(1.0, sums[2] + sums[3])}

    dense = bootstrap(systems, metrics)
    monkeypatch.setattr("foreword.evaluation.row_statistics._DENSE_ELEMENTS", 0)
    sparse = bootstrap(systems, metrics)

    for one, other in zip(dense.intervals, sparse.intervals, strict=True):
        assert one["ratio"].lower == pytest.approx(other["ratio"].lower)
        assert one["ratio"].upper == pytest.approx(other["ratio"].upper)


def test_the_intervals_are_the_same_in_every_call_and_for_every_order_of_the_other_systems():
    one, two, three = (_shares(*np.random.default_rng(seed).random(50)) for seed in range(3))

    first, second = bootstrap([one, two, three], _mean), bootstrap([one, three, two], _mean)

    assert first == bootstrap([one, two, three], _mean)
    assert first.differences == second.differences[::-1]
    assert first.intervals[0] == bootstrap([one], _mean).intervals[0]


def test_a_single_row_has_a_wide_interval():
    interval = bootstrap([_shares(1)], _mean).intervals[0]["mean"]

    assert (interval.lower, interval.upper) == (pytest.approx(0.2065, abs=1e-3), 1.0)


@pytest.mark.parametrize("systems", [[[]], [[1], [1, 0]]])
def test_systems_without_rows_or_with_different_rows_are_refused(systems):
    with pytest.raises(ValueError, match="give each of them the same rows, at least one"):
        bootstrap([_shares(*rows) for rows in systems], _mean)


def test_rows_of_unequal_or_infinite_statistics_are_refused_by_number():
    found = _shares(1, 0)

    with pytest.raises(ValueError, match="row 3 has 3 statistics, but the rows before have 2"):
        found.add([1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="row 3 has statistics that are not finite"):
        found.add([1.0, float("nan")])


def test_the_statistics_of_a_task_are_those_of_its_rows():
    task, references = Classification(), ["A", "B", "B", "A"]
    schema = {"labels": ["A", "B"], "multi_label": False, "separator": ", ", "label_sets": []}
    found = answers("A", "B", "A", "A")

    statistics = RowStatistics.of(task, zip(found, references, strict=True), schema)
    intervals = bootstrap([statistics], lambda sums: task.metrics_of_sums(sums, schema)).intervals[0]

    scores = task.score(found, references, schema).metrics
    assert set(intervals) == set(scores)
    assert all(intervals[id].lower < value < intervals[id].upper for id, value in scores.items())


def test_a_task_without_statistics_has_no_intervals():
    assert RowStatistics.of(Shout(), zip(answers("A"), ["a"], strict=True), {"marks": 1}) is None


def test_a_check_that_raises_stops_the_bootstrap_within_a_moment():
    calls = 0

    def check():
        nonlocal calls
        calls += 1
        if calls > 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bootstrap([_shares(*[1, 0] * 100)], _mean, check=check)


def test_checks_are_called_often_for_many_rows_and_statistics():
    random = np.random.default_rng(0)
    rows = _statistics([1.0, *[0.0] * 2_000, *random.random(3)] for _ in range(5_000))
    called = [time.thread_time()]

    bootstrap([rows], lambda sums: {"mean": sums[-1] / max(1.0, sums[0])}, num_resamples=20,
              check=lambda: called.append(time.thread_time()))  # fmt: skip

    assert np.median(np.diff(called)) < 0.05
    assert max(np.diff(called)) < 1
