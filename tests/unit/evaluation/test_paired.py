"""Differences of stored results on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import SystemEvaluation
from foreword.evaluation import paired
from foreword.evaluation.bootstrap import bootstrap
from foreword.evaluation.paired import paired_differences
from foreword.evaluation.row_statistics import RowStatistics
from foreword.plugin.interfaces import Answer, Schema
from foreword_tasks.classification import Classification

TASK = Classification()
RIGHT = ["A", "B"] * 40
SCHEMA = TASK.fit([Row(number=place, input="x", output=text) for place, text in enumerate(RIGHT, 1)], TaskOptions())


def statistics(answers: Sequence[str], schema: Schema = SCHEMA) -> RowStatistics:
    pairs = (
        (Answer(text=text, row=place), right) for place, (text, right) in enumerate(zip(answers, RIGHT, strict=True))
    )
    found = RowStatistics.of(TASK, pairs, schema)
    assert found is not None
    return found


def result(answers: Sequence[str], schema: Schema = SCHEMA) -> SystemEvaluation:
    """Results of a run with these answers."""
    scores = TASK.score([Answer(text=text, row=place) for place, text in enumerate(answers)], RIGHT, schema)
    return SystemEvaluation(
        system="tuned",
        metrics=scores.metrics,
        main_metric=TASK.main_metric,
        row_count=len(RIGHT),
        row_statistics=statistics(answers, schema).to_text(schema),
    )


def wrong(*places: int) -> list[str]:
    return [("B" if text == "A" else "A") if place in places else text for place, text in enumerate(RIGHT)]


def test_stored_rows_have_the_intervals_of_the_rows_themselves() -> None:
    first, second = wrong(1, 5), wrong(*range(0, 60, 2))

    found = paired_differences(TASK, [result(first), result(second)])

    measured = bootstrap([statistics(first), statistics(second)], lambda sums: TASK.metrics_of_sums(sums, SCHEMA))
    assert found == [{}, measured.differences[0]]
    main = found[1][TASK.main_metric]
    assert main.difference == pytest.approx(-28 / 80)
    assert main.is_clear


def test_a_small_difference_on_few_rows_is_not_clear() -> None:
    _, found = paired_differences(TASK, [result(wrong(1, 5, 7)), result(wrong(1, 5, 9, 11))])

    main = found[TASK.main_metric]
    assert main.difference == pytest.approx(-1 / 80)
    assert main.interval is not None
    assert main.interval.lower < 0 < main.interval.upper
    assert not main.is_clear


def test_results_without_rows_are_left_out_and_the_others_compared() -> None:
    without = SystemEvaluation(system="tuned", metrics={}, main_metric=TASK.main_metric, row_count=80)

    found = paired_differences(TASK, [result(wrong(1)), None, without, result(wrong(3))])

    assert [bool(item) for item in found] == [False, False, False, True]
    assert paired_differences(TASK, [without, result(wrong(3))]) == [{}, {}]
    assert paired_differences(TASK, [None, result(wrong(3)), result(wrong(4))]) == [{}, {}, {}]


def test_other_label_sets_make_no_difference_but_other_labels_do() -> None:
    trained = {**SCHEMA, "label_sets": [["A"]]}
    more = {**SCHEMA, "labels": [*SCHEMA["labels"], "C"]}
    renamed = {**SCHEMA, "labels": ["A", "D"]}

    found = paired_differences(
        TASK, [result(wrong(1)), *(result(wrong(3), other) for other in (trained, more, renamed))]
    )

    assert [bool(item) for item in found] == [False, True, False, False]


def test_too_many_rows_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "MAX_PAIRED_ROWS", 159)

    assert paired_differences(TASK, [result(wrong(1)), result(wrong(3))]) == [{}, {}]


def test_the_comparison_of_twenty_runs_can_be_cancelled() -> None:
    class GoneError(Exception):
        pass

    def check() -> None:
        raise GoneError

    with pytest.raises(GoneError):
        paired_differences(TASK, [result(wrong(place)) for place in range(20)], check=check)
