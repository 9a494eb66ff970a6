"""Rendering of the lab. The functions only draw on a console."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from foreword.cli.lab.commands import CHANGES, QUERIES, Change, Query
from foreword.cli.lab.state import LabState
from foreword.cli.render import short_name
from foreword.cli.render.answer import counts, ending, print_input
from foreword.cli.render.listing import age, print_facts, print_table
from foreword.client import GenerateResult, SavedPrompt, SavedPromptVersion, TokenizeResult
from foreword.domain.generate_parameters import GENERATE_PARAMETER_SPECS
from foreword.domain.inference import Token
from foreword.domain.parameters import ParameterSpec
from foreword.domain.prompt import StructuredPrompt
from foreword.errors import ForewordError

Outcome = GenerateResult | ForewordError


def print_answers(
    console: Console, models: Sequence[str], outcomes: Sequence[Outcome], context_tokens: int | None
) -> None:
    """Print answers side by side, each with its token counts."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for model in models:
        table.add_column(Text(model), overflow="fold", ratio=1)
    table.add_row(*(_answer(item) for item in outcomes))
    table.add_row(*(_usage(item, context_tokens) for item in outcomes))
    if any(isinstance(item, GenerateResult) and item.generated_tokens for item in outcomes):
        table.add_row(*(_tokens(item) for item in outcomes))
    console.print(table)
    for model, item in zip(models, outcomes, strict=True):
        if isinstance(item, GenerateResult) and (item.input_text is not None or item.input_tokens):
            console.print(Text(f"\nInput of {model}:", style="bold"))
            print_input(console, item)


def print_state(console: Console, state: LabState) -> None:
    """Print the models, the prompt and the parameters that are set."""
    examples = [f"{number}. {item.input} => {item.output}" for number, item in enumerate(state.examples, start=1)]
    mode = "structured" if state.structured else "free"
    bare = ", instruction and examples only for the other model" if state.bare else ""
    print_facts(
        console,
        [
            ("model", state.model),
            ("against", state.against or "none"),
            ("mode", mode + bare),
            ("saved prompt", state.saved),
            ("template", state.template),
            ("instruction", state.instruction),
            ("examples", "\n".join(examples)),
            ("variables", _pairs(state.variables)),
            ("parameters", _pairs(state.parameters)),
        ],
        indent=0,
    )


def print_parameters(console: Console, state: LabState) -> None:
    """Print every parameter with its range and the value that is set."""
    rows = [
        (spec.name, _shown(state.parameters.get(spec.name, "")), _range(spec), _shown(spec.default), spec.description)
        for spec in GENERATE_PARAMETER_SPECS
    ]
    print_table(console, ["parameter", "value", "range", "default", "description"], rows)


def print_prompt(console: Console, prompt: str | StructuredPrompt, tokens: TokenizeResult) -> None:
    """Print a prompt as it would be sent, with the tokens of each part."""
    console.print(Text(prompt if isinstance(prompt, str) else prompt.compose()))
    order = ("instruction", "examples", "input", "template")  # maps of the API have no order
    parts = [f"{name} {count}" for name in order if (count := tokens.part_token_counts.get(name))]
    soft = f", after {tokens.soft_prompt_tokens} soft-prompt vectors" if tokens.soft_prompt_tokens else ""
    console.print(Text(f"{tokens.token_count} tokens{': ' if parts else ''}{', '.join(parts)}{soft}", style="dim"))


def print_saved_prompts(console: Console, prompts: Sequence[SavedPrompt]) -> None:
    """Print saved prompts with their newest versions."""
    rows = [(short_name(item.name), item.display_name, str(item.latest_version), item.version.note) for item in prompts]
    print_table(console, ["prompt", "name", "version", "note"], rows, right=["version"])


def print_versions(console: Console, versions: Sequence[SavedPromptVersion]) -> None:
    """Print the versions of a saved prompt."""
    rows = [(str(item.number), age(item.create_time), item.model, item.note) for item in versions]
    print_table(console, ["version", "saved", "model", "note"], rows, right=["version"])


def print_history(console: Console, entries: Sequence[tuple[str, Sequence[Outcome]]]) -> None:
    """Print earlier prompts and the texts of their answers."""
    rows = [
        (str(number), text, " | ".join(_answer(item).plain for item in outcomes))
        for number, (text, outcomes) in enumerate(entries, start=1)
    ]
    print_table(console, ["", "prompt", "answers"], rows, right=[""])


def print_help(console: Console) -> None:
    """Print the commands."""
    console.print("Type a prompt to send it; write \\n for a line break. Lines that begin with / are commands:\n")
    commands: dict[str, Change | Query] = {**CHANGES, **QUERIES}
    print_table(
        console, ["", ""], [(f"/{name} {item.arguments}".rstrip(), item.help) for name, item in commands.items()]
    )


def _answer(outcome: Outcome) -> Text:
    if isinstance(outcome, ForewordError):
        return Text(outcome.message, style="red")
    return Text(outcome.text, style="bold green")


def _usage(outcome: Outcome, context_tokens: int | None) -> Text:
    if isinstance(outcome, ForewordError):
        return Text("")
    return Text(f"{counts(outcome, context_tokens)}\n{ending(outcome)}", style="dim")


def _tokens(outcome: Outcome) -> Text:
    if isinstance(outcome, ForewordError):
        return Text("")
    return Text("\n".join(_token(token) for token in outcome.generated_tokens))


def _token(token: Token) -> str:
    share = "" if token.log_probability is None else f" {math.exp(token.log_probability):.3f}"
    others = [item for item in token.top_tokens if item.id != token.id]
    instead = ", ".join(f"{item.text!r} {math.exp(item.log_probability):.3f}" for item in others)
    return f"{token.text!r}{share}{f'  (or {instead})' if instead else ''}"


def _range(spec: ParameterSpec) -> str:
    if spec.choices:
        return " or ".join(spec.choices)
    if spec.type == "bool":
        return "on or off"
    if spec.type == "string_list":
        return "texts, with ' | ' between them"
    return f"{spec.range} {spec.unit}".rstrip()


def _pairs(values: object) -> str:
    assert isinstance(values, dict)
    return "\n".join(f"{name} {_shown(value)}" for name, value in values.items())


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return " | ".join(map(repr, value))
    return "" if value is None else str(value)
