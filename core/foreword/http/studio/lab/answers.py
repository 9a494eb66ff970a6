"""Answers of the columns, all at once: their texts as they grow, then what became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from foreword.client import AsyncClient, ClassifyResult, GenerateResult, StructuredPrompt
from foreword.client.keywords import generate_keywords
from foreword.errors import ForewordError
from foreword.http.studio.lab.models import LabModel
from foreword.http.studio.lab.parameters import Values, classify_keywords, generate_values

_PAUSE_SECONDS = 0.04
"""Minimum time between two updates of a page, so that it never draws more slowly than its models generate."""
_MOST_READ = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one column asks.

    Attributes:
        saved: The version of a saved prompt that it asks, as `ID@NUMBER`; empty for none.
        tenant: Id of the tenant of the saved prompt.
    """

    model: LabModel
    prompt: str | StructuredPrompt
    variables: dict[str, str] | None
    values: Values
    saved: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a question.

    Attributes:
        text: The answer, or what there was of it before an error.
        result: The answer as a whole; None after an error.
        classified: Probabilities of the labels; None for a model that does not classify, and if another revision than
            the one that has answered gave them.
        first_seconds: Time until the first piece of text; None if there was none.
        seconds: Time until the end.
    """

    text: str
    result: GenerateResult | None = None
    classified: ClassifyResult | None = None
    error: ForewordError | None = None
    first_seconds: float | None = None
    seconds: float = 0.0


Item = TypeVar("Item")
Update = tuple[int, str | Outcome]
"""The index of a column, and its next piece of text or its outcome."""


async def answers(client: AsyncClient, questions: Sequence[Question]) -> AsyncGenerator[list[Update]]:
    """Yield what has arrived since the last time, for all columns, until each has its outcome.

    An error of one column leaves the others alone. Closing the generator ends all generations.
    """
    arrived: asyncio.Queue[Update] = asyncio.Queue(_MOST_READ)

    async def read(place: int, question: Question) -> None:
        async with aclosing(_answer(client, question)) as items:
            async for item in items:
                await arrived.put((place, item))

    readers = [asyncio.create_task(read(place, question)) for place, question in enumerate(questions)]
    try:
        left = len(readers)
        while left:
            updates = [await next_of(arrived, readers)]
            while not arrived.empty():
                updates.append(arrived.get_nowait())
            left -= sum(isinstance(item, Outcome) for _, item in updates)
            yield _joined(updates)
            if left:
                await asyncio.sleep(_PAUSE_SECONDS)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def next_of(arrived: asyncio.Queue[Item], readers: Sequence[asyncio.Task[None]]) -> Item:
    """Return the next item that one of the readers puts into a queue.

    Raises:
        Exception: A reader has failed in a way that is no error of the service.
    """
    waiting = asyncio.ensure_future(arrived.get())
    try:
        while True:
            running = [reader for reader in readers if not reader.done()]
            done, _ = await asyncio.wait([waiting, *running], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {waiting}:
                task.result()
            if waiting in done:
                return waiting.result()
    finally:
        waiting.cancel()


def _joined(updates: Sequence[Update]) -> list[Update]:
    """Return updates with the pieces of each column in one."""
    pieces: dict[int, str] = {}
    outcomes: list[Update] = []
    for place, item in updates:
        if isinstance(item, str):
            pieces[place] = pieces.get(place, "") + item
        else:
            outcomes.append((place, item))
            pieces.pop(place, None)  # the outcome has the whole text
    return [*pieces.items(), *outcomes]


async def _answer(client: AsyncClient, question: Question) -> AsyncGenerator[str | Outcome]:
    """Yield the pieces of one answer, then its outcome."""
    began = time.monotonic()
    text, first_seconds = "", None
    result: GenerateResult | None = None
    try:
        generation = client.stream_generate(
            question.model.name,
            question.prompt,
            prompt_variables=question.variables,
            **generate_keywords(generate_values(question.values)),
        )
        async with aclosing(generation) as pieces:
            async for piece in pieces:
                if piece.text:
                    if first_seconds is None:
                        first_seconds = time.monotonic() - began
                    text += piece.text
                    yield piece.text
                result = piece.result or result
        seconds = time.monotonic() - began
        classified = await _classified(client, question, result) if question.model.closed and result else None
    except ForewordError as error:
        yield Outcome(text=text, error=error, first_seconds=first_seconds, seconds=time.monotonic() - began)
        return
    yield Outcome(
        text=text if result is None else result.text,
        result=result,
        classified=classified,
        first_seconds=first_seconds,
        seconds=seconds,
    )


async def _classified(client: AsyncClient, question: Question, result: GenerateResult) -> ClassifyResult | None:
    found = await client.classify(
        question.model.name,
        question.prompt,
        prompt_variables=question.variables,
        **classify_keywords(question.values),
    )
    # During a rollout, another revision may answer this call, whose probabilities say nothing about the text.
    return found if found.model_version == result.model_version else None
