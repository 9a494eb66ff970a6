"""Options of a task are checked against those that the task declares."""

from __future__ import annotations

import pytest

from factories.tasks import Shout
from foreword.domain.experiment import TaskOptions
from foreword.errors import InvalidArgumentError
from foreword.plugin.task_options import check_task_options


@pytest.mark.parametrize(
    ("options", "field", "description"),
    [
        ({"extra": {"marks": 9}}, "task_options.extra.marks", "must be in [1, 5], not 9"),
        ({"extra": {"marks": "many"}}, "task_options.extra.marks", "must be an int in [1, 5], not 'many'"),
        ({"extra": {"marks": None}}, "task_options.extra.marks", "must be an int in [1, 5], not None"),
        (
            {"extra": {"mark": 2}},
            "task_options.extra.mark",
            "is unknown; the task shout has marks (an int in [1, 5]), tone (one of loud, louder). "
            "Did you mean 'marks'?",
        ),
        (
            {"labels": ("a",)},
            "task_options.labels",
            "is not an option of the task shout, which has marks (an int in [1, 5]), tone (one of loud, louder); "
            "leave it unset",
        ),
    ],
)
def test_options_that_the_task_does_not_allow_are_refused_by_name(options, field: str, description: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        check_task_options(Shout(), TaskOptions(**options))

    (violation,) = caught.value.violations
    assert (violation.field, violation.description) == (field, description)


@pytest.mark.parametrize("extra", [None, {}, {"marks": 5, "tone": "louder"}])
def test_options_that_the_task_allows_are_accepted(extra) -> None:
    check_task_options(Shout(), TaskOptions(extra=extra))
