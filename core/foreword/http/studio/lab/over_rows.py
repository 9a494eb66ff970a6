"""The same prompt over rows of a dataset: a small table of what each column answers, and how often it is right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foreword.client import AsyncClient, GenerateResult, Row, StructuredPrompt
from foreword.client.keywords import generate_keywords
from foreword.client.prompt_variables import variable_names
from foreword.errors import ForewordError
from foreword.http.studio.lab.answers import Question, next_of
from foreword.http.studio.lab.parameters import generate_values
from foreword.http.studio.lab.view import LabView

MOST_ROWS: Final = 50
_INPUT: Final = "input"
"""The variable of a plain saved prompt that takes its input."""
_PART: Final = 10
"""Rows of one call: an answer of the table is on its way no longer than those of ten rows take."""

Answer = GenerateResult | ForewordError


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsTurn:
    """One run over rows.

    Attributes:
        dataset: Name and display name of the dataset.
        questions: What each column asks, with an input that each row replaces.
        answers: By column and row; None for what is still on its way.
    """

    id: str
    dataset: tuple[str, str]
    questions: Sequence[Question]
    rows: Sequence[Row]
    answers: Sequence[Sequence[Answer | None]]

    def right(self, place: int) -> tuple[int, int]:
        """Return how many answers of a column are those of the dataset, and how many there are."""
        given = [
            answer.text.strip() == row.output.strip()
            for row, answer in zip(self.rows, self.answers[place], strict=True)
            if isinstance(answer, GenerateResult)
        ]
        return sum(given), len(given)


async def rows_to_answer(client: AsyncClient, view: LabView) -> list[Row]:
    """Return the first rows of the dataset that the form names. What is wrong is added to the faults of the form."""
    if view.prompt.freeform:
        view.faults.add("over", "Change to a structured prompt: its input is what each row replaces.")
    dataset = view.draft.get("over", "")
    if not dataset:
        view.faults.add("over", "Choose a dataset. Rows that no model has learned from say most.")
    if view.faults:
        return []
    try:
        rows = await client.list_dataset_rows(dataset, limit=MOST_ROWS)
    except ForewordError as error:
        view.faults.add("over", error.message)
        return []
    return rows


def questions_over(view: LabView, questions: Sequence[Question]) -> list[Question]:
    """Return the questions of the columns with those variables that stand outside of the input, which rows replace.

    What has no place for a row is added to the faults of the form.
    """
    found = []
    for question in questions:
        given = question.variables or {}
        if isinstance(question.prompt, StructuredPrompt):
            names = variable_names(replace(question.prompt, input="").texts())
            given = {name: value for name, value in given.items() if name in names}
        elif question.saved and _INPUT not in given:
            view.faults.add(
                "over",
                f"{question.saved} has no place for a row: it is plain text without the variable {{{{{_INPUT}}}}}. "
                "Remove its column, or choose another version.",
            )
        found.append(replace(question, variables=given or None))
    return found


async def answers_over(
    client: AsyncClient, questions: Sequence[Question], rows: Sequence[Row]
) -> AsyncGenerator[tuple[int, int, list[Answer]]]:
    """Yield the answers of a column to some rows as they come: its place, that of the first of the rows, and them."""
    arrived: asyncio.Queue[tuple[int, int, list[Answer]]] = asyncio.Queue()

    async def read(place: int, question: Question) -> None:
        for first in range(0, len(rows), _PART):
            part = rows[first : first + _PART]
            await arrived.put((place, first, await _answered(client, question, part)))

    readers = [asyncio.create_task(read(place, question)) for place, question in enumerate(questions)]
    try:
        for _ in range(len(questions) * -(-len(rows) // _PART)):
            yield await next_of(arrived, readers)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def _answered(client: AsyncClient, question: Question, rows: Sequence[Row]) -> list[Answer]:
    asked = [_about(question, row.input) for row in rows]
    try:
        return await client.batch_generate(
            question.model.name,
            [prompt for prompt, _ in asked],
            prompt_variables=None if question.variables is None else [variables for _, variables in asked],
            **generate_keywords(generate_values(question.values)),
        )
    except ForewordError as error:
        return [error] * len(rows)


def _about(question: Question, text: str) -> tuple[str | StructuredPrompt, dict[str, str]]:
    """Return the prompt of a question about a text, and its variables; a plain prompt has the text as one of them."""
    variables = question.variables or {}
    if isinstance(question.prompt, str):
        return question.prompt, {**variables, _INPUT: text}
    return replace(question.prompt, input=text), variables
