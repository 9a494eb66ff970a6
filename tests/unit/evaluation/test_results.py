"""The results of an evaluation, from the answers of its systems."""

from __future__ import annotations

from foreword.domain.dataset import Row
from foreword.domain.evaluation import SystemAnswer
from foreword.domain.experiment import TaskOptions
from foreword.evaluation.results import AnsweredSystem, Measurement
from foreword_tasks.classification import Classification

TASK = Classification()
ROWS = tuple(
    Row(number=number, input=f"text {number}", output=output) for number, output in enumerate(["A", "B", "A", "B"], 1)
)


def _measurement(*systems: list[str]) -> Measurement:
    schema = TASK.fit(ROWS, TaskOptions())
    return Measurement(
        TASK, schema, ROWS, [TASK.target(row.output, schema) for row in ROWS],
        [
            AnsweredSystem(
                id=f"system {place}", base_model="starter", soft_prompt_tokens=0, mean_seconds=0.1,
                answers=[SystemAnswer(answer=text, tokens=3) for text in answers],
            )
            for place, answers in enumerate(systems)
        ],
    )  # fmt: skip


def test_free_answers_that_name_the_same_label_are_alike():
    measurement = _measurement(["A", "B", "A", "none"], ["A.", "Label: B", "B", "nothing"])

    assert measurement.results().differing_row_count == 2
    assert [row.row for row in measurement.answered_rows() if row.is_different] == [3, 4]
