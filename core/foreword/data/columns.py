"""The columns of a file: those that rows must have, and other usual names for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foreword.domain.prompt import PromptExample, StructuredPrompt
from foreword.domain.violations import Violations

COLUMNS: Final = ("input", "output")

UNLABELLED_COLUMNS: Final = ("input",)
"""The columns that every row of a file without outputs must have. Its other columns are kept as they are."""

MAX_COLUMN_NAME: Final = 200
"""Maximum length of the name of a column that is set, in characters."""

PAIRS: Final = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("question", "answer"),
    ("text", "label"),
    ("text", "labels"),
    ("text", "category"),
    ("sentence", "label"),
    ("review", "sentiment"),
    ("text", "summary"),
    ("document", "summary"),
    ("article", "summary"),
    ("dialogue", "summary"),
    ("source", "target"),
)
"""Usual names of the two columns in other programs and datasets."""

CHATS: Final = ("messages", "conversations")
"""Usual names of the column that holds a chat, whose last message is the output."""

_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that a reader looks for.

    Attributes:
        required: `COLUMNS` or `UNLABELLED_COLUMNS`.
        keep_others: Whether rows keep their other columns.
        input: Name of the column with the inputs; empty for `input` or a usual name.
        output: Name of the column with the outputs; empty for `output` or a usual name.
    """

    required: Sequence[str] = COLUMNS
    keep_others: bool = False
    input: str = ""
    output: str = ""

    @property
    def are_set(self) -> bool:
        """True if a name was set."""
        return bool(self.input or self.output)

    @property
    def names(self) -> Sequence[str]:
        """The names that rows must have if no usual names are found."""
        set_names = {"input": self.input, "output": self.output}
        return tuple(set_names[column] or column for column in self.required)

    def check(self) -> None:
        """Check the names that are set.

        Raises:
            InvalidArgumentError: They are too long or equal, or the rows have no outputs.
        """
        violations = Violations()
        for field, name in (("input_column", self.input), ("output_column", self.output)):
            if len(name) > MAX_COLUMN_NAME:
                violations.add(field, f"must have at most {MAX_COLUMN_NAME} characters, not {len(name):,}")
        if self.output and "output" not in self.required:
            violations.add("output_column", "must be unset for unlabelled rows, which have no outputs")
        elif self.are_set and len(set(self.names)) < len(self.names):
            violations.add("output_column", f"must be another column than {self.names[0]!r}, that of the inputs")
        violations.check()

    def find(self, keys: Collection[str]) -> Sequence[str]:
        """Return the names of the required columns among the keys of a row, or in a header.

        If both columns are missing and one pair of usual names is there, it is that pair, in any case of letters.
        """
        names = self.names
        if self.are_set or any(name in keys for name in names):
            return names
        folded = {key.strip().casefold(): key for key in keys}
        if len(names) == 1:
            found = [folded[name] for name in dict.fromkeys(first for first, _ in PAIRS) if name in folded]
            return found if len(found) == 1 else names
        pairs = [pair for pair in PAIRS if folded.keys() >= set(pair)]
        return tuple(folded[name] for name in pairs[0]) if len(pairs) == 1 else names


def is_chat(value: Mapping[str, Any]) -> bool:
    """Return whether a row holds a chat instead of an input and an output, whether or not it can be read."""
    return any(isinstance(value.get(name), list) for name in CHATS) and not any(name in value for name in COLUMNS)


def read_chat(value: Mapping[str, Any], required: Sequence[str]) -> tuple[str, str, str] | None:
    """Return the column with a chat, its input and its output; None if the row is no chat, or not one of texts.

    The last message, of the assistant, is the output. The messages before it become the input that requests with the
    same messages have: a single user message is plain text; with a system message or earlier turns, it is a structured
    prompt.
    """
    column = next((name for name in CHATS if isinstance(value.get(name), list)), None)
    if column is None or any(name in value for name in COLUMNS) or "output" not in required:
        return None
    turns: list[str] = []
    instructions: list[str] = []
    for message in value[column]:
        if not isinstance(message, Mapping):
            return None
        role = _ROLES.get(str(message.get("role", message.get("from", ""))))
        text = message.get("content", message.get("value"))
        if not isinstance(text, str):
            return None
        if role == "system" and not turns:
            instructions.append(text)
        elif role == ("user", "assistant")[len(turns) % 2]:
            turns.append(text)
        else:
            return None
    if not turns or len(turns) % 2:
        return None
    *earlier, question, answer = turns
    examples = tuple(PromptExample(input=one, output=two) for one, two in zip(earlier[::2], earlier[1::2], strict=True))
    prompt = StructuredPrompt(instruction="\n\n".join(instructions), examples=examples, input=question)
    return column, prompt.compose(), answer
