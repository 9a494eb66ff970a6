"""`--option name=value` is typed by the task and the tuning method that have the option."""

from __future__ import annotations

import click
import pytest

from foreword.cli.named_options import Holder, chosen, read_named_options
from foreword.domain.experiment import TaskOptions
from foreword.domain.parameters import ParameterSpec


def spec(name: str, type: str, **limits) -> ParameterSpec:
    return ParameterSpec(name=name, description="For the tests.", type=type, **limits)


TASK = Holder(
    kind="task",
    id="shout",
    specs=(
        spec("labels", "string_list"),
        spec("marks", "int", minimum=1, maximum=5),
        spec("polite", "bool"),
        spec("words", "string_list"),
        spec("tone", "string", choices=("loud", "louder")),
        spec("both", "string"),
    ),
)
METHOD = Holder(kind="method", id="ia3", specs=(spec("dropout", "float", minimum=0, maximum=0.9), spec("both", "int")))


def test_values_have_the_type_that_their_description_names() -> None:
    given = ["marks=3", "polite=no", "words=a, b", "tone=loud", "dropout=1e-1"]

    read = read_named_options(given, [TASK, METHOD])

    assert read.task == {"marks": 3, "polite": False, "words": ["a", "b"], "tone": "loud"}
    assert read.method == {"dropout": 0.1}
    assert read.within(TaskOptions(separator=";")) == TaskOptions(separator=";", extra=dict(read.task))


def test_an_equals_sign_may_be_part_of_the_value() -> None:
    assert read_named_options(["task.both=a=b"], [TASK, METHOD]).task == {"both": "a=b"}


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("mark=3", "'mark' is unknown. The task shout has both (a string), marks (an int in [1, 5]), polite"),
        ("mark=3", "The tuning method ia3 has both (an int), dropout (a float in [0, 0.9]). Did you mean 'marks'?"),
        ("marks", "'marks' has no value; write NAME=VALUE"),
        ("marks=nine", "'marks' must be an int in [1, 5], not 'nine'"),
        ("marks=9", "'marks' must be in [1, 5], not 9"),
        ("tone=soft", "'tone' must be one of loud, louder, not 'soft'"),
        ("polite=maybe", "'polite' must be true or false, not 'maybe'"),
        ("both=1", "write task.both=... or method.both=..."),
        ("task.dropout=0.1", "'dropout' is unknown"),
        ("labels=a,b", "'labels' is set with --labels"),
        ("num_epochs=3", "'num_epochs' is set with --num-epochs"),
    ],
)
def test_what_cannot_be_set_is_refused_with_what_can(given: str, problem: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        read_named_options([given], [TASK, METHOD])

    assert problem in caught.value.message


def test_an_option_is_given_once() -> None:
    with pytest.raises(click.BadParameter, match="set twice"):
        read_named_options(["marks=1", "marks=2"], [TASK])


def test_while_no_task_is_named_any_of_them_may_have_the_option() -> None:
    other = Holder(kind="task", id="whisper", specs=(spec("marks", "string"),))

    assert read_named_options(["marks=many"], chosen([TASK, other], "", option="--task")).task == {"marks": "many"}
    with pytest.raises(click.BadParameter, match=r"'sing' is not installed \(installed: shout, whisper\)"):
        chosen([TASK, other], "sing", option="--task")
