"""The commands of the lab: lines that begin with `/`. All other lines are prompts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from foreword.cli.lab.state import LabState, on_or_off
from foreword.domain.prompt import PromptExample
from foreword.errors import InvalidArgumentError

_TOKENS: Final = {
    "return_options.generated_tokens": True,
    "return_options.token_log_probabilities": True,
    "return_options.top_n_tokens": 3,
}
ARROW: Final = " => "


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A typed line; `command` is empty for a prompt."""

    command: str
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A command that changes the state.

    Attributes:
        arguments: The arguments, for the help.
        apply: Returns the new state for a state and an argument.
    """

    arguments: str
    help: str
    apply: Callable[[LabState, str], LabState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A command that shows something or sends a prompt; the session executes it."""

    arguments: str
    help: str


def parse_line(text: str) -> Line:
    r"""Parse `/name argument` or a prompt, in which `\n` is a line break and a leading `//` stands for `/`."""
    line = text.strip().replace("\\n", "\n")
    if not line.startswith("/") or line.startswith("//"):
        return Line(command="", argument=line.removeprefix("/") if line.startswith("//") else line)
    name, _, argument = line[1:].partition(" ")
    return Line(command=name, argument=argument.strip(" "))


def _instruction(state: LabState, argument: str) -> LabState:
    return replace(state, instruction=argument, template="")


def _example(state: LabState, argument: str) -> LabState:
    given, arrow, expected = argument.partition(ARROW)
    if not arrow or not given.strip():
        raise InvalidArgumentError.of("example", "must be INPUT => OUTPUT")
    added = PromptExample(input=given.strip(), output=expected.strip())
    return replace(state, examples=(*state.examples, added), template="")


def _forget(state: LabState, argument: str) -> LabState:
    if not argument:
        return replace(state, examples=())
    if not argument.isdigit() or not 1 <= int(argument) <= len(state.examples):
        raise InvalidArgumentError.of("forget", f"must be the number of an example, 1 to {len(state.examples)}")
    place = int(argument) - 1
    return replace(state, examples=state.examples[:place] + state.examples[place + 1 :])


def _mode(state: LabState, argument: str) -> LabState:
    if argument not in ("structured", "free"):
        raise InvalidArgumentError.of("mode", f"must be structured or free, not {argument!r:.80}")
    return replace(state, structured=argument == "structured")


def _bare(state: LabState, argument: str) -> LabState:
    return replace(state, bare=on_or_off("bare", argument))


def _set(state: LabState, argument: str) -> LabState:
    path, _, value = argument.partition(" ")
    return state.with_parameter(path, value.strip(" "))


def _unset(state: LabState, argument: str) -> LabState:
    return state.without_parameter(argument) if argument else replace(state, parameters={})


def _variable(state: LabState, argument: str) -> LabState:
    name, _, value = argument.partition(" ")
    if not name:
        return replace(state, variables={})
    return replace(state, variables={**state.variables, name: value.strip(" ")})


def _tokens(state: LabState, argument: str) -> LabState:
    others = {path: value for path, value in state.parameters.items() if path not in _TOKENS}
    return replace(state, parameters={**others, **_TOKENS} if on_or_off("tokens", argument) else others)


def _model(state: LabState, argument: str) -> LabState:
    if not argument:
        raise InvalidArgumentError.of("model", "needs the name of a model")
    return replace(state, model=argument)


def _against(state: LabState, argument: str) -> LabState:
    return replace(state, against="" if argument == "none" else argument)


CHANGES: Final = {
    "instruction": Change(arguments="[TEXT]", help="Set the instruction; without TEXT, remove it.", apply=_instruction),
    "example": Change(arguments="INPUT => OUTPUT", help="Add an example.", apply=_example),
    "forget": Change(arguments="[NUMBER]", help="Remove an example, or all examples.", apply=_forget),
    "mode": Change(
        arguments="structured|free", help="Send prompts with instruction and examples, or as typed.", apply=_mode
    ),
    "bare": Change(arguments="on|off", help="Send instruction and examples only to the other model.", apply=_bare),
    "variable": Change(
        arguments="[NAME VALUE]", help="Set {{NAME}} in prompts; without NAME, remove all.", apply=_variable
    ),
    "set": Change(arguments="PARAMETER VALUE", help="Set a parameter; /parameters lists them.", apply=_set),
    "unset": Change(arguments="[PARAMETER]", help="Reset a parameter, or all parameters.", apply=_unset),
    "tokens": Change(arguments="on|off", help="Show tokens with their probabilities.", apply=_tokens),
    "model": Change(arguments="NAME", help="Set the model under test.", apply=_model),
    "against": Change(arguments="NAME|none", help="Set the model to compare with.", apply=_against),
}
QUERIES: Final = {
    "show": Query(arguments="", help="Show the models, the prompt and the parameters that are set."),
    "parameters": Query(arguments="", help="List all parameters with their ranges."),
    "prompt": Query(arguments="[TEXT]", help="Show the prompt as it is sent, with the tokens of each part."),
    "save": Query(
        arguments="[NAME] [=> NOTE]", help="Save the prompt under a name, or as a version of the one that was loaded."
    ),
    "load": Query(arguments="NAME[@VERSION]", help="Load a saved prompt with its variables and parameters."),
    "saved": Query(arguments="[NAME]", help="List the saved prompts, or the versions of one."),
    "history": Query(arguments="", help="List earlier prompts and answers."),
    "again": Query(arguments="[NUMBER]", help="Send the last prompt again, or one of the history."),
    "help": Query(arguments="", help="List these commands."),
    "quit": Query(arguments="", help="Quit the lab; Ctrl-D does the same."),
}


def changed(state: LabState, line: Line) -> LabState:
    """Return the state after a command that changes it.

    Raises:
        InvalidArgumentError: The command does not exist, or its argument is wrong.
    """
    change = CHANGES.get(line.command)
    if change is None:
        raise InvalidArgumentError.of(f"/{line.command}", "is not a command; /help lists the commands")
    return change.apply(state, line.argument)
