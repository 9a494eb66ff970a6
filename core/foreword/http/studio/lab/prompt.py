"""The prompt that the lab's form holds, and what each column gets of it."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from foreword.client import PromptExample, SavedPromptVersion, StructuredPrompt
from foreword.client.prompt_variables import variable_names
from foreword.http.studio.forms import Form
from foreword.http.studio.lab.faults import Faults

MOST_EXAMPLES: Final = 100
"""Maximum number of examples: a form of the studio has at most 400 fields, and an example has three."""
MOST_COLUMNS: Final = 4
SAVED_VERSION: Final = re.compile(r"[a-z0-9-]{1,63}@[1-9][0-9]{0,5}")
"""A version of a saved prompt, `ID@NUMBER`."""
_INPUT_PREFIX: Final = "Input: "
_OUTPUT_PREFIX: Final = "Output: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An example of the prompt; only those that are ticked are sent."""

    input: str
    output: str
    sent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A model, and what it gets: the input alone, as most tuned models do, the whole prompt, or a saved one.

    Attributes:
        saved: The version of a saved prompt that it gets with the input of the form, as `ID@NUMBER`; empty for none.
    """

    model: str
    input_alone: bool = False
    saved: str = ""

    @classmethod
    def of(cls, model: str, gets: str) -> Column:
        """Return a column from the two fields of the form."""
        kind, _, saved = gets.partition(":")
        if kind == "saved" and SAVED_VERSION.fullmatch(saved):
            return cls(model=model, saved=saved)
        return cls(model=model, input_alone=kind == "input")

    @property
    def gets(self) -> str:
        """What the form says that it gets."""
        return f"saved:{self.saved}" if self.saved else "input" if self.input_alone else "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPrompt:
    """What the form holds of the prompt, as it was typed.

    Attributes:
        freeform: Whether `text` is the prompt, instead of its parts.
        variables: A line for each variable; see `parse_variables`.
        loaded: The version of a saved prompt that was loaded or saved last, as `ID@NUMBER`; empty for none.
        versions: The versions of saved prompts that columns get, by `ID@NUMBER`, as far as they exist.
    """

    freeform: bool = False
    instruction: str = ""
    input: str = ""
    text: str = ""
    input_prefix: str = _INPUT_PREFIX
    output_prefix: str = _OUTPUT_PREFIX
    examples: tuple[Example, ...] = ()
    variables: str = ""
    columns: tuple[Column, ...] = ()
    loaded: str = ""
    versions: Mapping[str, SavedPromptVersion] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Form) -> LabPrompt:
        """Return what a form holds. Fields that are missing have their defaults."""
        sent = set(form.all("sent"))
        pairs = list(zip(form.all("shown_input"), form.all("shown_output"), strict=False))[:MOST_EXAMPLES]
        gets = form.all("gets")
        return LabPrompt(
            freeform=form.get("mode") == "freeform",
            instruction=form.get("instruction", ""),
            input=form.get("input", ""),
            text=form.get("text", ""),
            input_prefix=form.get("input_prefix", _INPUT_PREFIX),
            output_prefix=form.get("output_prefix", _OUTPUT_PREFIX),
            examples=tuple(
                Example(input=given, output=answer, sent=str(place) in sent)
                for place, (given, answer) in enumerate(pairs)
            ),
            variables=form.get("variables", ""),
            columns=tuple(
                Column.of(model, gets[place] if place < len(gets) else "all")
                for place, model in enumerate(form.all("model")[:MOST_COLUMNS])
            ),
            loaded=loaded if SAVED_VERSION.fullmatch(loaded := form.get("loaded", "")) else "",
        )

    @property
    def asked(self) -> str:
        """What the prompt asks, for people: its input, or its text."""
        return self.text if self.freeform else self.input

    @property
    def complete(self) -> bool:
        """Whether there is an input or a text, without which the service refuses a prompt."""
        return bool(self.asked.strip())

    @property
    def whole(self) -> StructuredPrompt:
        """All parts."""
        return StructuredPrompt(
            instruction=self.instruction,
            examples=tuple(PromptExample(input=item.input, output=item.output) for item in self.examples if item.sent),
            input=self.input,
            input_prefix=self.input_prefix,
            output_prefix=self.output_prefix,
        )

    def sent_to(self, column: Column) -> str | StructuredPrompt:
        """Return what a column gets, in which variables have no values yet."""
        version = self.versions.get(column.saved)
        if version is not None and version.prompt is not None:
            return _with_input(version.prompt, self.asked)
        if self.freeform:
            return self.text
        return StructuredPrompt(input=self.input) if column.input_alone else self.whole

    def variables_for(self, column: Column, faults: Faults) -> dict[str, str] | None:
        """Return the variables of a column.

        Those that only the rest of the prompt has are no business of a column that gets the input alone. All others are
        sent, so that the service refuses those that stand nowhere.
        """
        lines = parse_variables(self.variables, faults)
        given = {name: value for name, value in lines.items() if value is not None}
        version = self.versions.get(column.saved)
        if version is not None:
            return self._variables_of(version, given) or None
        if column.input_alone and not self.freeform:
            elsewhere = variable_names(self.whole.texts()) - variable_names([self.input])
            given = {name: value for name, value in given.items() if name not in elsewhere}
        return given or None

    def saved_for(self, column: Column) -> str:
        """Return the saved version that a column gets, as `ID@NUMBER`: its own, or the loaded one if it is unchanged.

        Only versions in `versions` are found.
        """
        if column.saved:
            return column.saved
        version = self.versions.get(self.loaded)
        if version is None or version.prompt is None or (column.input_alone and not self.freeform):
            return ""
        declared = {item.name for item in version.variables}
        named = set(parse_variables(self.variables, Faults()))
        unchanged = self.sent_to(column) == _with_input(version.prompt, self.asked) and declared == named
        return self.loaded if unchanged else ""

    def _variables_of(self, version: SavedPromptVersion, given: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a saved version: its defaults, and what the form has for those that it declares."""
        if not version.variables:
            return {}
        sent = _with_input(version.prompt or "", self.asked)
        names = variable_names([sent] if isinstance(sent, str) else sent.texts())
        known = {item.name: item.default_value for item in version.variables if item.default_value is not None}
        if isinstance(sent, str):
            known["input"] = self.asked
        return {name: value for name, value in (known | dict(given)).items() if name in names}

    def names_outside_input(self) -> set[str]:
        """Return the names of the variables in all parts but the input."""
        return variable_names(replace(self.whole, input="").texts())

    def names_only_in_input(self) -> set[str]:
        """Return the names of the variables that no part but the input has."""
        return variable_names([self.input]) - self.names_outside_input()

    def with_text(self) -> LabPrompt:
        """Return the prompt in freeform: if nothing was written there yet, with the parts in one text."""
        return replace(self, freeform=True, text=self.text or self.whole.compose())


def _with_input(prompt: str | StructuredPrompt, text: str) -> str | StructuredPrompt:
    """Return a saved prompt with an input; a plain one has it as a variable."""
    return prompt if isinstance(prompt, str) else replace(prompt, input=text or prompt.input)


def parse_variables(text: str, faults: Faults) -> dict[str, str | None]:
    """Return the values of variables by name.

    Args:
        text: Lines `name = value`; `name =` for an empty value, and `name` for none.
    """
    found: dict[str, str | None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            faults.add(
                "variables",
                f"Line {number} must be `name = value`, with a name of letters, digits and underscores, such as "
                "`product = drill`; `product` alone has no value.",
            )
        elif name in found:
            faults.add("variables", f"Line {number} sets {name} again. Remove one of the lines.")
        else:
            found[name] = value.strip() if equals else None
    return found


def parse_examples(text: str, faults: Faults) -> list[Example]:
    """Return pasted examples: JSONL with `input` and `output`, or lines with a tab, as they come from a spreadsheet."""
    stripped = text.strip()
    if not stripped:
        faults.add("pasted", "There is nothing to add. Paste rows of JSONL, or lines of an input, a tab and an output.")
        return []
    parse = _json_rows if stripped.startswith("{") else _tab_rows
    return parse(stripped, faults)


def json_row(given: str, answer: str) -> str:
    """Return a row of a dataset as a line of JSONL."""
    return json.dumps({"input": given, "output": answer}, ensure_ascii=False)


def _json_rows(text: str, faults: Faults) -> list[Example]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("input", "output")):
            faults.add(
                "pasted", f'Line {number} is no row of JSONL. It must look like {{"input": "...", "output": "..."}}.'
            )
            return []
        found.append(Example(input=row["input"], output=row["output"]))
    return found


def _tab_rows(text: str, faults: Faults) -> list[Example]:
    found = []
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t"))
    except csv.Error:
        rows = [line.split("\t") for line in text.split("\n")]
    for number, row in enumerate(rows, 1):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != 2:
            faults.add(
                "pasted",
                f"Row {number} has {len(row)} columns instead of 2. Put one tab between the input and the output, or "
                "paste JSONL.",
            )
            return []
        found.append(Example(input=row[0], output=row[1]))
    return found
