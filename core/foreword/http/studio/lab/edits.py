"""What the buttons of the lab change in its form."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foreword.client import AsyncClient
from foreword.errors import ForewordError, InvalidArgumentError
from foreword.http.studio.lab.faults import Faults
from foreword.http.studio.lab.prompt import (
    MOST_COLUMNS,
    MOST_EXAMPLES,
    Column,
    Example,
    json_row,
    parse_examples,
)
from foreword.http.studio.lab.view import LabView

_MOST_ROWS: Final = 100_000
"""Largest number of a row of a dataset that can become an example."""
_MOST_FAULTS: Final = 20


def edit(view: LabView, name: str, argument: str) -> list[str]:
    """Change the form as a button says, and return the names of the parts of the page that change.

    Args:
        name: What the button does. An unknown one shows the form again, as when it comes from the history.
        argument: Which example, column or seed it concerns.
    """
    match name:
        case "mode":
            freeform = argument == "freeform"
            view.prompt = view.prompt.with_text() if freeform else replace(view.prompt, freeform=False)
            return ["composer", "columns"]
        case "seed":
            view.typed = {**view.typed, "random_seed": argument[:20]}
            return ["composer"]
        case "add":
            return _add(view)
        case "paste":
            return _append(view, parse_examples(view.draft.get("pasted", ""), view.faults), "pasted")
        case "remove":
            kept = tuple(item for place, item in enumerate(view.prompt.examples) if str(place) != argument)
            view.prompt = replace(view.prompt, examples=kept)
            return ["examples"]
        case "column":
            return _add_column(view)
        case "drop":
            left = tuple(item for place, item in enumerate(view.prompt.columns) if str(place) != argument)
            view.prompt = replace(view.prompt, columns=left or view.prompt.columns)
            return ["columns"]
    return ["composer", "columns"]


async def take_rows(client: AsyncClient, view: LabView) -> list[str]:
    """Add rows of a dataset as examples, and return the names of the parts of the page that change."""
    first = _whole_number(view, "first_row", _MOST_ROWS)
    count = _whole_number(view, "row_count", MOST_EXAMPLES)
    dataset = view.draft.get("dataset", "")
    if not dataset:
        view.faults.add("dataset", "Choose a dataset.")
    if view.faults:
        return []
    try:
        rows = await client.list_dataset_rows(dataset, limit=first - 1 + count)
    except ForewordError as error:
        view.faults.add("dataset", error.message)
        return []
    taken = [Example(input=row.input, output=row.output) for row in rows[first - 1 :]]
    if not taken:
        view.faults.add("first_row", f"The dataset has only {len(rows):,} rows.")
    return _append(view, taken)


def kept_rows(view: LabView) -> bytes:
    """Return the rows that were kept as a file of JSONL."""
    found = Faults()
    rows = parse_examples(view.draft.get("kept", ""), found)
    for sentence in (sentence for sentences in found.by_field.values() for sentence in sentences):
        view.faults.add("kept", sentence)
    return "".join(f"{json_row(row.input, row.output)}\n" for row in rows).encode()


async def store_rows(client: AsyncClient, view: LabView) -> str:
    """Store the rows that were kept as a dataset, and return its name; empty if they or the name are refused."""
    rows, name = kept_rows(view), view.draft.get("kept_name", "").strip()
    if not name:
        view.faults.add("kept_name", "Give the dataset a name; one that exists already gets these rows as a version.")
    if view.faults:
        return ""
    try:
        return (await client.upload_dataset(rows, format="jsonl", display_name=name)).name
    except InvalidArgumentError as error:
        for violation in error.violations[:_MOST_FAULTS]:
            field = "kept_name" if "display_name" in violation.field else "kept"
            view.faults.add(field, f"{violation.field}: {violation.description}".removeprefix(": "))
        return ""


def _add(view: LabView) -> list[str]:
    """Add the example that was typed."""
    example = Example(input=view.draft.get("example_input", ""), output=view.draft.get("example_output", ""))
    for name, text in (("example_input", example.input), ("example_output", example.output)):
        if not text.strip():
            view.faults.add(name, "Write it first: an example has an input and an output.")
    return _append(view, [example], "example_input", "example_output")


def _append(view: LabView, examples: list[Example], *drafts: str) -> list[str]:
    """Add examples to the prompt, and forget the drafts from which they come."""
    if len(view.prompt.examples) + len(examples) > MOST_EXAMPLES:
        view.faults.add(
            drafts[0] if drafts else "row_count",
            f"The lab holds at most {MOST_EXAMPLES} examples. Remove some, or call the API, which takes 1,000.",
        )
    if view.faults:
        return []
    view.prompt = replace(view.prompt, examples=(*view.prompt.examples, *examples))
    view.draft = {name: text for name, text in view.draft.items() if name not in drafts}
    return ["examples"]


def _add_column(view: LabView) -> list[str]:
    """Add a column, with a model that has none yet if there is one."""
    taken = {column.model for column in view.prompt.columns}
    free = next((item for item in view.models if item.name not in taken), None) or next(iter(view.models), None)
    if free is not None and len(view.prompt.columns) < MOST_COLUMNS:
        added = Column(model=free.name, input_alone=free.tuned)
        view.prompt = replace(view.prompt, columns=(*view.prompt.columns, added))
    return ["columns"]


def _whole_number(view: LabView, name: str, most: int) -> int:
    text = view.draft.get(name, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        view.faults.add(name, f"Must be a whole number from 1 to {most:,}.")
        return 1
    return int(text)
