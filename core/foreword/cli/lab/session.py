"""A session of the lab, which executes lines, sends prompts to the models and keeps the history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Console
from rich.text import Text

from foreword.cli.lab import rendering
from foreword.cli.lab.commands import ARROW, QUERIES, Line, changed, parse_line
from foreword.cli.lab.rendering import Outcome
from foreword.cli.lab.saved import saveable, with_saved
from foreword.cli.lab.state import LabState
from foreword.cli.prompt_reference import PromptReference
from foreword.cli.render import short_name
from foreword.client import Client
from foreword.client.keywords import generate_keywords
from foreword.errors import ForewordError, InvalidArgumentError

_MOST_LISTED: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A prompt in the history, with the state in which it was sent and its outcomes."""

    text: str
    state: LabState
    outcomes: tuple[Outcome, ...]


class LabSession:
    """A session of the lab.

    Args:
        context_tokens: Context of the base model, for the token counts; None if unknown.
    """

    def __init__(self, client: Client, console: Console, state: LabState, context_tokens: int | None) -> None:
        self.state = state
        self.history: list[Entry] = []
        self.ended = False
        self._client = client
        self._console = console
        self._context_tokens = context_tokens
        self._queries: dict[str, Callable[[str], None]] = {
            "show": lambda _: rendering.print_state(console, self.state),
            "parameters": lambda _: rendering.print_parameters(console, self.state),
            "prompt": self._prompt,
            "save": self._save,
            "load": self._load,
            "saved": self._saved,
            "history": self._history,
            "again": self._again,
            "help": lambda _: rendering.print_help(console),
            "quit": self._quit,
        }
        assert self._queries.keys() == QUERIES.keys()

    def take(self, typed: str) -> None:
        """Execute a line.

        Raises:
            ForewordError: The line failed; the state is unchanged.
        """
        line = parse_line(typed)
        if line.command in self._queries:
            self._queries[line.command](line.argument)
        elif line.command:
            self._change(line)
        elif line.argument:
            self._ask(line.argument)

    def _change(self, line: Line) -> None:
        before, self.state = self.state, changed(self.state, line)
        if before.model != self.state.model:
            self._context_tokens = None  # the new model may have another base model

    def _ask(self, text: str) -> None:
        """Send a prompt to every model. Show the error of one as its answer; raise it if all fail."""
        outcomes = tuple(self._outcome(model, text) for model in self.state.models)
        failures = [item for item in outcomes if isinstance(item, ForewordError)]
        if len(failures) == len(outcomes):
            raise failures[0]
        self.history.append(Entry(text=text, state=self.state, outcomes=outcomes))
        rendering.print_answers(self._console, self.state.models, outcomes, self._context_tokens)

    def _outcome(self, model: str, text: str) -> Outcome:
        state = self.state
        prompt = state.prompt(model, text)
        try:
            return self._client.generate(
                model,
                prompt,
                prompt_variables=state.used_variables(prompt),
                **generate_keywords(state.parameters),
            )
        except ForewordError as error:
            return error

    def _prompt(self, argument: str) -> None:
        text = argument or (self.history[-1].text if self.history else "")
        if not text:
            raise InvalidArgumentError.of("/prompt", "needs a text, because no prompt was sent yet")
        asked = self.state.models[-1]  # the model to compare with always gets instruction and examples
        prompt = self.state.prompt(asked, text)
        counts = self._client.tokenize(asked, prompt, prompt_variables=self.state.used_variables(prompt))
        rendering.print_prompt(self._console, prompt, counts)

    def _save(self, argument: str) -> None:
        name, _, note = f" {argument}".partition(ARROW)
        reference = PromptReference.parse(name.strip() or self.state.saved)
        if not reference.name:
            raise InvalidArgumentError.of("/save", "needs a name, because no saved prompt was loaded yet")
        found = saveable(self.state)
        saved = self._client.save_prompt(
            reference.name,
            found.prompt,
            variables=found.variables,
            parameters=generate_keywords(found.parameters),
            model=self.state.model,
            note=note.strip(),
        )
        self.state = replace(self.state, saved=reference.name)
        self._console.print(Text(f"Saved as {short_name(saved.name)}@{saved.version.number}."))

    def _load(self, argument: str) -> None:
        if not argument:
            raise InvalidArgumentError.of("/load", "needs the name of a saved prompt; /saved lists them")
        reference = PromptReference.parse(argument)
        found = self._client.get_saved_prompt(reference.name, reference.version)
        self.state = with_saved(self.state, reference.name, found.version)
        self._console.print(Text(f"Loaded version {found.version.number} of {found.display_name}."))
        rendering.print_state(self._console, self.state)

    def _saved(self, argument: str) -> None:
        if argument:
            rendering.print_versions(self._console, self._client.list_saved_prompt_versions(argument))
        else:
            rendering.print_saved_prompts(
                self._console, self._client.list_saved_prompts(order_by="update_time desc", limit=_MOST_LISTED)
            )

    def _history(self, _: str) -> None:
        rendering.print_history(self._console, [(entry.text, entry.outcomes) for entry in self.history])

    def _again(self, argument: str) -> None:
        number = int(argument) if argument.isdigit() else 0 if argument else len(self.history)
        if not 1 <= number <= len(self.history):
            raise InvalidArgumentError.of("/again", f"needs a number of the history, 1 to {len(self.history)}")
        self._ask(self.history[number - 1].text)

    def _quit(self, _: str) -> None:
        self.ended = True
