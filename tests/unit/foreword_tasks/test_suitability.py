"""The task chosen for rows if none is named, over many small data sets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from foreword.data.row_sample import RowSample
from foreword.data.task_choice import choose_task
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.samples import SAMPLES, sample_path
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation
from foreword_tasks.summarization import Summarization

TASKS = {task.id: task for task in (Classification(), Generation(), Summarization())}
CITIES = ("Berlin", "Oslo", "Lima", "Quito", "Hanoi", "Accra", "Bern", "Riga", "Rome", "Kyiv", "Cairo", "Delhi")
STREETS = ("Mill Lane", "High Street", "Elm Road", "Park Avenue", "Canal Way", "Hill Drive", "Lake View")
SENTENCES = (
    "Please restart the device, then hold the green button for ten seconds.",
    "A technician will visit you on the next working day, between eight and ten.",
    "We have refunded the amount, and it reaches your account within a week.",
)
LETTER = (
    "On the {number} of March I ordered a {thing} from your web shop. The parcel was left in the rain, the box was "
    "soaked, and the {thing} inside had a {fault} on the {side} side. I called your service twice and nobody answered."
)
THINGS = ("kettle", "lamp", "radio", "bicycle", "blanket", "printer", "camera", "toaster", "mirror", "drill")


def make_rows(pairs: Iterable[tuple[str, str]]) -> list[Row]:
    return [Row(number=number, input=text, output=output) for number, (text, output) in enumerate(pairs, start=1)]


def with_outputs(*outputs: str) -> list[Row]:
    return make_rows((f"case {number} of the day", output) for number, output in enumerate(outputs))


def letters() -> list[tuple[str, str]]:
    return [
        (
            LETTER.format(number=number, thing=thing, fault=fault, side=side),
            f"Rain soaked the {thing}; {fault} {side} side",
        )
        for number, (thing, fault, side) in enumerate(
            (thing, fault, side)
            for thing, (fault, side) in zip(THINGS, [("dent", "left"), ("crack", "right")] * 5, strict=True)
        )
    ]


LABELS = {
    "eight rows of yes and no": with_outputs(*["yes", "no"] * 4),
    "digits": with_outputs(*"1101001110"),
    "one label of few rows": with_outputs(*["ok"] * 9, "broken"),
    "labels spelt differently": with_outputs(*["Yes", "yes ", "NO", "no"] * 3),
    "all the same": with_outputs(*["spam"] * 10),
    "several labels per row": with_outputs(*["A, B", "B", "A, C", "C", "B, C", "A"] * 2),
    "several labels, two of them rare": with_outputs(*["A, B", "B", "A, C", "C, A", "B, A"] * 4, "D", "E, A"),
    "labels of seven words": with_outputs(
        *["the customer wants to have money back", "the customer only wants to be heard"] * 6
    ),
    "whole sentences, repeated": with_outputs(*SENTENCES * 7),
    "forty labels, five rows each": with_outputs(*[f"intent_{number}" for number in range(40)] * 5),
    "labels that the instruction in each input lists": make_rows(
        (f"Answer red, green or blue. Row {number}", ("red", "green", "blue")[number % 3]) for number in range(12)
    ),
    "labels that some inputs contain": make_rows(
        (f"The {colour if number % 2 else 'old'} one, number {number}", colour)
        for number, colour in enumerate(["red", "green", "blue"] * 6)
    ),
    "few labels, each in its input": make_rows(
        (f"Order {number} about {label} matters", label)
        for number, label in enumerate(["warehouse", "service", "planning"] * 8)
    ),
    "label sets, most of them in their inputs": make_rows(
        (f"Order {number} about {label}", label if number % 6 else "intent 1, intent 2")
        for number, label in enumerate([f"intent {number % 12}" for number in range(60)])
    ),
    "many labels, listed in each input": make_rows(
        (f"Choose among {' '.join(CITIES)}. Row {number}", CITIES[number % 12]) for number in range(48)
    ),
    "Chinese labels": with_outputs(*["退款", "换货", "投诉"] * 4),
    "emojis": with_outputs(*["\N{GRINNING FACE}", "\N{CRYING FACE}"] * 5),
    "JSON with one key": with_outputs(*['{"label": "refund"}', '{"label": "repair"}'] * 6),
}
TEXTS = {
    "twenty different texts": with_outputs(*[f"We will send part {number} to you." for number in range(20)]),
    "different texts with a common greeting": with_outputs(
        *[f"Dear customer, part {number} is on its way." for number in range(20)]
    ),
    "a common line and a greeting alone": with_outputs(
        *["Thanks"] * 3, *[f"Thanks, part {number} is on its way." for number in range(20)]
    ),
    "different numbers": with_outputs(*[str(17 * number) for number in range(30)]),
    "mostly different, some not available": with_outputs(*["n/a"] * 12, *[f"Shelf {number}" for number in range(18)]),
    "addresses": with_outputs(*[f"{street}, {city}" for street, city in zip(STREETS, CITIES, strict=False)]),
    "names found in the inputs": make_rows(
        (f"Parcel {number} to {CITIES[number % 12]} is late", CITIES[number % 12]) for number in range(48)
    ),
    "two answers to each of ten long questions": with_outputs(
        *[f"The guarantee of product {number} lasts for {number} years from now on." for number in range(10)] * 2
    ),
    "JSON with several keys": with_outputs(
        *[json.dumps({"label": label, "stars": stars}) for label in "abc" for stars in range(1, 6)] * 2
    ),
    "one row": with_outputs("yes"),
    "two rows": with_outputs("yes", "no"),
    "titles of long texts": make_rows(
        (text, f"Complaint no. {number} of this spring") for number, (text, _) in enumerate(letters())
    ),
    "replies to long texts": make_rows(
        (text, f"Dear customer, we are sorry and will look into case {number} soon.")
        for number, (text, _) in enumerate(letters())
    ),
    "texts written again": make_rows((text, text.upper()) for text, _ in letters()),
}  # fmt: skip
CASES = [
    *(pytest.param(rows, "classification", id=name) for name, rows in LABELS.items()),
    *(pytest.param(rows, "generation", id=name) for name, rows in TEXTS.items()),
    pytest.param(make_rows(letters()), "summarization", id="letters and what they say"),
]


def chosen(rows: list[Row], options: TaskOptions | None = None) -> tuple[str, str]:
    """Return the id of the chosen task and the message."""
    choice = choose_task(RowSample.of(rows), TASKS, options or TaskOptions())
    assert choice.task is not None
    return choice.task.id, choice.findings[0].message


@pytest.mark.parametrize(("rows", "task"), CASES)
def test_the_rows_choose_the_task(rows: list[Row], task: str) -> None:
    assert chosen(rows)[0] == task
    assert chosen(rows[::-1])[0] == task


@pytest.mark.parametrize(
    ("sample", "task"),
    [
        ("complaints", "classification"),
        ("complaints_v2", "classification"),
        ("complaints_unseen", "classification"),
        ("replies", "generation"),
        ("summaries", "summarization"),
    ],
)
def test_the_samples_choose_the_task_that_they_are_written_for(sample: str, task: str) -> None:
    lines = Path(sample_path(sample)).read_text(encoding="utf-8").splitlines()

    assert chosen(make_rows((row["input"], row["output"]) for row in map(json.loads, lines)))[0] == task
    assert {"complaints", "complaints_v2", "complaints_unseen", "replies", "summaries"} == set(SAMPLES)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (LABELS["digits"], "10 rows have 2 labels, each repeated."),
        (LABELS["several labels per row"], "12 rows have 3 labels, each repeated, in 6 combinations."),
        (LABELS["several labels, two of them rare"], "22 rows have 5 labels, 3 of them repeated, in 5 combinations."),
        (LABELS["all the same"], "10 rows have the same output."),
        (TEXTS["twenty different texts"], "20 rows have 20 different outputs."),
        (TEXTS["names found in the inputs"], "48 rows have 12 different outputs, most of them parts of their inputs."),
        (TEXTS["one row"], "one row is too few to recognise labels."),
    ],
)
def test_the_reason_has_the_counts(rows: list[Row], reason: str) -> None:
    task, message = chosen(rows)

    assert message == f"No task was set, so {task} was chosen: {reason}"


@pytest.mark.parametrize(
    "options", [TaskOptions(labels=("A", "B")), TaskOptions(multi_label=False), TaskOptions(separator="/")]
)
def test_an_option_of_classification_chooses_it_for_any_rows(options: TaskOptions) -> None:
    assert chosen(TEXTS["twenty different texts"], options)[0] == "classification"
