"""A plan measures the lengths of rows at a bounded cost."""

from __future__ import annotations

import pytest

from factories.runs import make_rows
from factories.tiny_models import tiny_model
from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, TaskOptions
from foreword.domain.parameters import TuneParameters
from foreword.errors import CancelledError
from foreword.tuning.planning.lengths import MOST_MEASURED_BYTES, measure_lengths
from foreword.tuning.planning.plan import make_plan
from foreword_methods.prompt_tuning import PromptTuning
from foreword_tasks.generation import Generation

ROWS = [Row(number=number, input="word " * (number % 7 + 1), output=f"answer {number % 3}") for number in range(1, 701)]
TARGETS = [row.output for row in ROWS]


class Counter:
    """A counter of words that notes how much it was given."""

    def __init__(self) -> None:
        self.taken = 0
        self.longest = 0

    def __call__(self, text: str) -> int:
        self.taken += len(text.encode())
        self.longest = max(self.longest, len(text))
        return len(text.split()) + 2


def test_all_rows_are_measured_if_they_are_short_enough() -> None:
    lengths = measure_lengths(ROWS, TARGETS, verbalizer="say: {{input}}", count_tokens=Counter())

    assert not lengths.are_sampled
    assert lengths.numbers == tuple(row.number for row in ROWS)
    assert lengths.inputs == tuple(row.number % 7 + 1 + 3 for row in ROWS)
    assert set(lengths.outputs) == {3}


def test_more_text_than_the_limit_is_sampled_evenly() -> None:
    count = Counter()

    lengths = measure_lengths(ROWS, TARGETS, verbalizer="say: {{input}}", count_tokens=count, most_bytes=4_000)

    assert count.taken <= 4_000
    assert lengths.row_count == 700
    assert 80 < len(lengths.numbers) < 700
    assert sum(lengths.inputs) / len(lengths.inputs) == pytest.approx(7, abs=0.5)
    assert lengths.numbers[0] < 20
    assert lengths.numbers[-1] > 680


def test_rows_that_hide_between_short_ones_do_not_exceed_the_limit() -> None:
    rows = [Row(number=n, input="long " * 500 if n % 10 == 5 else "x", output="y") for n in range(1, 1_001)]
    count = Counter()

    lengths = measure_lengths(rows, ["y"] * 1_000, verbalizer="{{input}}", count_tokens=count, most_bytes=25_000)

    assert count.taken <= 25_000
    assert lengths.numbers


def test_one_row_is_measured_even_if_it_is_longer_than_the_limit() -> None:
    lengths = measure_lengths(ROWS, TARGETS, verbalizer="{{input}}", count_tokens=Counter(), most_bytes=1)

    assert len(lengths.numbers) == 1


def test_measuring_stops_when_the_check_raises() -> None:
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise CancelledError("The caller has gone.")

    with pytest.raises(CancelledError):
        measure_lengths(ROWS, TARGETS, verbalizer="{{input}}", count_tokens=Counter(), check=check)
    assert len(calls) == 3


def test_a_plan_of_a_long_template_on_many_rows_tokenizes_a_bounded_text_and_remarks_on_it() -> None:
    count, spec, rows = Counter(), tiny_model("bart").spec, make_rows(6_000)

    plan = make_plan(
        config=ExperimentConfig(
            base_model=spec.id, dataset="d", task="generation", task_options=TaskOptions(),
            tuning_type="prompt_tuning", verbalizer="x" * 19_900 + " {{input}}", parameters=TuneParameters(),
        ),
        spec=spec, task=Generation(), method=PromptTuning(), rows=rows, count_tokens=count, seconds_per_token=0.0,
    )  # fmt: skip

    assert count.taken <= MOST_MEASURED_BYTES + 50_000
    assert count.longest < 20_200
    assert plan.training_row_count + plan.validation_row_count == 6_000
    remark = next(finding for finding in plan.warnings if finding.code == "LENGTHS_SAMPLED")
    assert "of 6,000 rows were measured" in remark.message
