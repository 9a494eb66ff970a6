"""What `foreword evaluate` and `foreword evaluations` print."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from factories.evaluations import SYSTEMS, make_evaluation, make_message, make_row
from foreword.cli.render.evaluations import (
    EvaluationProgressView,
    difference_in_words,
    print_evaluation,
    print_rows,
    print_systems,
)
from foreword.client import Interval, SystemDifference
from foreword.client.decode_evaluation import evaluation as decoded
from foreword.v1 import evaluation_pb2

STATE = evaluation_pb2.Evaluation


def make_console(width: int = 120) -> Console:
    return Console(file=StringIO(), width=width, highlight=False, markup=False, emoji=False)


def shown(console: Console) -> list[str]:
    """Return the printed lines, with single spaces."""
    assert isinstance(console.file, StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_results_have_intervals_and_differences_in_words() -> None:
    console = make_console()

    print_evaluation(console, make_evaluation())

    lines = shown(console)
    at = lines.index("tuned 0.720 0.770 0.820 24 0.030")
    assert lines[at + 1] == "0.66..0.79 0.71..0.84 0.76..0.89"
    assert "base model, three-shot, labels only 0.080 0.130 0.180 144 0.230" in lines
    at = lines.index("Compared with tuned, exact set match is")
    assert lines[at + 1] == "base model, zero-shot worse by 0.48, between 0.43 and 0.54"
    assert lines[-2:] == [
        "The systems answer 34 of 200 rows differently.",
        "Next: foreword evaluations rows e1 --different",
    ]


@pytest.mark.parametrize(
    ("lower", "value", "upper", "words"),
    [
        (0.05, 0.12, 0.19, "better by 0.12, between 0.05 and 0.19"),
        (-0.19, -0.12, -0.05, "worse by 0.12, between 0.05 and 0.19"),
        (-0.02, 0.03, 0.08, "no clear difference: +0.03, between -0.02 and +0.08"),
        (0.0, 0.03, 0.08, "no clear difference: +0.03, between +0.00 and +0.08"),
    ],
)
def test_a_difference_is_clear_only_if_its_interval_excludes_zero(
    lower: float, value: float, upper: float, words: str
) -> None:
    difference = SystemDifference(
        system="b", reference="a", metric="accuracy", difference=value, interval=Interval(lower=lower, upper=upper)
    )

    assert difference_in_words(difference) == words


def test_a_difference_without_an_interval_is_not_called_better_or_worse() -> None:
    difference = SystemDifference(system="b", reference="a", metric="accuracy", difference=-0.12, interval=None)

    assert difference_in_words(difference) == "different by -0.12, with an unknown interval"


def test_one_system_alone_leads_to_its_wrong_rows() -> None:
    console = make_console()

    print_evaluation(console, make_evaluation(SYSTEMS[:1]))

    lines = shown(console)
    assert lines[-1] == "Next: foreword evaluations rows e1 --wrong"
    assert not [line for line in lines if line.startswith(("Compared", "The systems"))]


def test_systems_that_answer_alike_lead_to_the_wrong_rows() -> None:
    console = make_console()

    print_evaluation(console, replace(make_evaluation(SYSTEMS[:2]), differing_row_count=0))

    assert shown(console)[-2:] == [
        "The systems answer all rows alike.",
        "Next: foreword evaluations rows e1 --wrong",
    ]


def test_a_narrow_terminal_keeps_numbers_and_intervals_whole() -> None:
    console = make_console(width=72)

    print_evaluation(console, make_evaluation())

    lines = shown(console)
    assert any(line.endswith("0.66..0.79 0.71..0.84 0.76..0.89") for line in lines)
    assert max(map(len, lines)) <= 72


def test_partial_results_are_marked_and_say_what_they_are_about() -> None:
    console = make_console()
    message = make_message(SYSTEMS[:2])
    message.state, message.partial, message.progress.total_count = STATE.STATE_CANCELLED, True, 2000
    message.systems.add(id="late", model="late", version="tenants/a/tunedModels/m2")

    print_evaluation(console, decoded(message))

    text = " ".join(shown(console))
    assert "PARTIAL RESULTS: the evaluation was cancelled before its end." in text
    assert "They are about the first 200 of 666 rows. There is no answer of late." in text
    assert "on 200 rows" in text
    assert "Compared with tuned, exact set match is" in text


def test_a_running_or_failed_evaluation_shows_how_far_it_is_or_why() -> None:
    console = make_console()
    message = make_message(state=STATE.STATE_FAILED)
    message.error.message = "Rows are missing."

    print_evaluation(console, decoded(message))
    running = make_message(state=STATE.STATE_RUNNING)
    running.progress.phase, running.progress.percent = "answering", 40
    print_evaluation(console, decoded(running))

    lines = shown(console)
    assert any(line.startswith("failure Rows are missing.") for line in lines)
    assert "state running, answering" in lines
    assert "progress 40 %" in lines
    assert not [line for line in lines if line.startswith("Next:")]


def test_systems_are_printed_with_what_they_stand_for() -> None:
    console = make_console()
    message = make_message(SYSTEMS[:2])
    message.systems[1].shots, message.systems[1].constrained, message.systems[1].instruction = 3, True, "Name it."

    print_systems(console, decoded(message))

    assert shown(console)[:2] == [
        "tuned complaints (m1)",
        "base model, zero-shot baseModels/starter, 3 examples, labels only, instruction: Name it.",
    ]


def test_rows_show_all_answers_and_long_texts_are_cut() -> None:
    console = make_console(width=400)

    count = print_rows(console, [make_row(), replace(make_row(18), input="long " * 100)])

    lines = shown(console)
    assert count == 2
    assert lines[:4] == [
        "row 17 Two screws are missing.",
        "right answer parts",
        "tuned parts 0.93",
        "base model, zero-shot I do not know",
    ]
    assert lines[5].endswith("long [...]")


def test_progress_without_a_terminal_is_a_line_for_each_tenth_and_phase() -> None:
    console = make_console()
    message = make_message(state=STATE.STATE_QUEUED)

    with EvaluationProgressView(console) as view:
        view.update(decoded(message))
        message.state = STATE.STATE_RUNNING
        message.progress.phase, message.progress.total_count = "answering", 1000
        for percent in range(0, 30, 2):
            message.progress.percent, message.progress.answered_count = percent, percent * 10
            view.update(decoded(message))

    lines = shown(console)
    assert len(lines) == 1 + 3
    assert lines[-1] == "answering 20 % 200 of 1,000 answers"
