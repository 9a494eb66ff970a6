"""A change of a row, and a log of all changes to a file."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Final

SURROUNDING_SPACE: Final = "SURROUNDING_SPACE"
INVISIBLE_CHARACTER: Final = "INVISIBLE_CHARACTER"
LISTS_AS_TEXT: Final = "LISTS_AS_TEXT"
OTHER_SEPARATOR: Final = "OTHER_SEPARATOR"
LABEL_SPELLING: Final = "LABEL_SPELLING"
LABEL_REPEATED: Final = "LABEL_REPEATED"
LABELS_ALIKE: Final = "LABELS_ALIKE"
MISSING_VALUE_AS_LABEL: Final = "MISSING_VALUE_AS_LABEL"
NONE_AS_LABEL: Final = "NONE_AS_LABEL"
DUPLICATE_ROWS: Final = "DUPLICATE_ROWS"

CERTAIN: Final[Mapping[str, str]] = {
    SURROUNDING_SPACE: "spaces and line ends around a text are removed",
    INVISIBLE_CHARACTER: "control characters, soft hyphens and byte order marks in a text are removed",
    LISTS_AS_TEXT: "labels in a list that was written as text are joined by the separator",
    OTHER_SEPARATOR: "labels that are joined by ; or | or a line end are joined by the separator",
    LABEL_SPELLING: "labels that differ only in case, spaces or invisible characters take the most frequent form",
    LABEL_REPEATED: "a label that a row lists twice is listed once",
    MISSING_VALUE_AS_LABEL: "labels such as nan or #REF! are removed, and a row without another label",
    DUPLICATE_ROWS: "a row that repeats an earlier one is removed",
}
"""What is corrected unless codes are named, in the order in which it is done. The codes are those of findings."""

ON_REQUEST: Final[Mapping[str, str]] = {
    LABELS_ALIKE: "labels that probably mean the same, such as 1 and 1.0, take the most frequent form",
    NONE_AS_LABEL: "labels such as None, N/A or - are removed although several rows have them",
}
"""What is corrected only if it is named, because it is not certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a row.

    Attributes:
        row: Number of the row in the file that was read.
        column: `input` or `output`; None if the row is removed.
        before: The text before the change; the input of a row that is removed.
        after: The text after the change; None if the row is removed.
        code: A key of `CERTAIN` or `ON_REQUEST`.
        remark: Why, if the code does not tell; such as the row that a removed one repeats.
    """

    row: int
    column: str | None
    before: str
    after: str | None
    code: str
    remark: str = ""


class ChangeLog:
    """All changes in the order in which they were made, in a temporary file that `close` removes.

    Attributes:
        counts: Number of changes by code.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115 - see close

    def add(self, change: Change) -> None:
        """Write a change."""
        self.counts[change.code] += 1
        self._file.write(json.dumps(asdict(change), ensure_ascii=False) + "\n")

    def lines(self) -> Iterator[str]:
        """Return the changes as lines of JSONL."""
        self._file.seek(0)
        return iter(self._file)

    def changes(self) -> Iterator[Change]:
        """Read the changes."""
        return (Change(**json.loads(line)) for line in self.lines())

    def close(self) -> None:
        """Remove the file."""
        self._file.close()
