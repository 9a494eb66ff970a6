"""Rendering of an answer's token counts and tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from foreword.cli.render.listing import Cell, print_table
from foreword.client import GenerateResult
from foreword.domain.inference import Token


def usage(result: GenerateResult) -> str:
    """Return the token counts of an answer and the reason why it ended, as one line."""
    return f"{counts(result)}; {ending(result)}"


def counts(result: GenerateResult, context_tokens: int | None = None) -> str:
    """Return the token counts of an answer, relative to the model's context if that is known."""
    counted = result.usage
    total = counted.input_tokens + counted.generated_tokens
    of = f" of {context_tokens}" if context_tokens else ""
    prompt = f" after {counted.soft_prompt_tokens} soft-prompt vectors" if counted.soft_prompt_tokens else ""
    return f"{total}{of} tokens: {counted.input_tokens} input + {counted.generated_tokens} generated{prompt}"


def ending(result: GenerateResult) -> str:
    """Return the reason why an answer ended, and the seed that repeats it."""
    return f"ended by {result.stop_reason.value}, seed {result.seed}"


def print_tokens(console: Console, result: GenerateResult) -> None:
    """Print the requested details of an answer besides its text."""
    print_input(console, result)
    if result.generated_tokens:
        console.print()
        _print_table(console, "generated token", result.generated_tokens)


def print_input(console: Console, result: GenerateResult) -> None:
    """Print the requested details of an answer's input."""
    if result.input_text is not None:
        console.print()
        console.print(Text(result.input_text))
    if result.input_tokens:
        console.print()
        _print_table(console, "input token", result.input_tokens)


def _print_table(console: Console, heading: str, tokens: Sequence[Token]) -> None:
    """Print one line for each token, without columns that are empty."""
    columns: list[tuple[str, list[Cell]]] = [
        (heading, [repr(token.text) for token in tokens]),
        ("id", [str(token.id) for token in tokens]),
        ("probability", [_share(token.log_probability) for token in tokens]),
        ("rank", ["" if token.rank is None else str(token.rank) for token in tokens]),
        ("most likely here", [_likeliest(token) for token in tokens]),
    ]
    shown = [(name, cells) for name, cells in columns if any(cells)]
    rows = zip(*(cells for _, cells in shown), strict=True)
    print_table(console, [name for name, _ in shown], list(rows), right=["id", "probability", "rank"])


def _share(log_probability: float | None) -> str:
    return "" if log_probability is None else f"{math.exp(log_probability):.3f}"


def _likeliest(token: Token) -> str:
    return ", ".join(f"{item.text!r} {_share(item.log_probability)}" for item in token.top_tokens)
