"""The choice among installed tasks, whatever plugins brought them."""

from __future__ import annotations

import pytest

from foreword.data.row_sample import RowSample
from foreword.data.task_choice import choose_task
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import Severity
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import Suitability
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation

ROWS = [Row(number=number, input=f"case {number}", output=f"answer {number}") for number in range(1, 21)]


class OnlyWhenNamed(Generation):
    id = "only_when_named"

    def suits(self, rows, options):
        return None


class Translation(Generation):
    id = "translation"
    options = (ParameterSpec(name="language", description="Of the answers.", type="string"),)

    def suits(self, rows, options):
        return Suitability(score=0.6, reason=f"{len(rows)} rows have outputs in another language")


class Failing(Generation):
    id = "failing"

    def suits(self, rows, options):
        raise ZeroDivisionError("no rows of mine")


def choose(*tasks, options=None):
    return choose_task(RowSample.of(ROWS), {task.id: task for task in tasks}, options or TaskOptions())


def test_a_plugin_that_recognises_the_rows_is_chosen_before_generation():
    choice = choose(Generation(), Translation(), OnlyWhenNamed())

    assert isinstance(choice.task, Translation)
    assert choice.findings[0].message == (
        "No task was set, so translation was chosen: 20 rows have outputs in another language."
    )
    assert choice.findings[0].remedy == "Set `task` to choose another one: generation, only_when_named."


def test_a_task_that_fails_is_named_and_the_others_are_considered():
    choice = choose(Failing(), Generation())

    assert choice.task.id == "generation"
    assert [finding.severity for finding in choice.findings] == [Severity.INFO, Severity.WARNING]
    assert "Task failing could not rate the rows" in choice.findings[1].message


def test_a_task_that_lacks_an_option_is_not_considered():
    choice = choose(Generation(), Translation(), Classification(), options=TaskOptions(extra={"language": "French"}))

    assert choice.task.id == "translation"


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        (TaskOptions(extra={"tone": "kind", "language": "French"}), ["task_options.extra.tone"]),
        (
            TaskOptions(multi_label=True, extra={"language": "French"}),
            ["task_options.multi_label", "task_options.extra.language"],
        ),
    ],
)
def test_options_that_no_task_takes_are_refused_by_name(options, fields):
    with pytest.raises(InvalidArgumentError) as caught:
        choose(Generation(), Translation(), Classification(), options=options)

    assert [violation.field for violation in caught.value.violations] == fields


def test_the_first_of_two_equals_is_chosen():
    class Other(Translation):
        id = "other"

    assert choose(Translation(), Other()).task.id == "translation"
    assert choose(Other(), Translation()).task.id == "other"


def test_tasks_that_do_not_know_the_rows_are_chosen_only_where_there_is_no_other():
    assert choose().task is None
    assert choose(OnlyWhenNamed(), Failing()).task is None
    assert choose(OnlyWhenNamed()).task.id == "only_when_named"
