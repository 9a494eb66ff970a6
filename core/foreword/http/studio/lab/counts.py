"""Token counts of the prompt while it is being typed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from foreword.client import AsyncClient, TokenizeResult
from foreword.errors import ForewordError
from foreword.http.studio.lab.faults import Faults
from foreword.http.studio.lab.prompt import Column, LabPrompt

Count = TokenizeResult | ForewordError | None
"""What a column gets in tokens, why it cannot be counted, or None if there is nothing to count."""


async def counts_of(client: AsyncClient, prompt: LabPrompt) -> list[Count]:
    """Return the counts of all columns."""
    return list(await asyncio.gather(*(_counted(client, prompt, column) for column in prompt.columns)))


def part_counts(prompt: LabPrompt, counts: Sequence[Count]) -> Mapping[str, str]:
    """Return what stands beside each part of the prompt: its tokens in the first column that gets them."""
    found = [
        (prompt.freeform or not column.input_alone, count)
        for column, count in zip(prompt.columns, counts, strict=True)
        if isinstance(count, TokenizeResult)
    ]
    whole = max(found, key=lambda pair: pair[0], default=(False, None))[1]
    if prompt.freeform:
        return {"text": "" if whole is None else tokens(whole.token_count)}
    parts = {} if whole is None else whole.part_token_counts
    said = {name: tokens(parts[name]) if name in parts else "" for name in ("instruction", "input")}
    sent = sum(item.sent for item in prompt.examples)
    of_examples = f", {tokens(parts['examples'])}" if sent and "examples" in parts else ""
    return {**said, "examples": f"{sent} of {len(prompt.examples)} sent{of_examples}"}


def tokens(count: int) -> str:
    """Return a number of tokens for people."""
    return f"{count:,} {'token' if count == 1 else 'tokens'}"


async def _counted(client: AsyncClient, prompt: LabPrompt, column: Column) -> Count:
    faults = Faults()
    variables = prompt.variables_for(column, faults)
    if faults or not prompt.complete:
        return None
    try:
        return await client.tokenize(column.model, prompt.sent_to(column), prompt_variables=variables)
    except ForewordError as error:
        return error
