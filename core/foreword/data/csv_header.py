"""The first line of a CSV file: its delimiter and its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from foreword.data.record import MAX_NAMED_KEYS, ONLY_USED, fault, more_keys
from foreword.domain.report import Finding, Severity, excerpt

_DELIMITERS: Final = (",", ";", "\t", "|")
_MOST_LISTED: Final = 8


def is_header(line: bytes, columns: Sequence[str]) -> bool:
    """Return whether a line names all columns, with any delimiter."""
    text = line.decode("utf-8", "replace")
    return any(_names_columns(text, delimiter, columns) for delimiter in _DELIMITERS)


def choose_delimiter(line: str, columns: Sequence[str]) -> str:
    """Return the delimiter that yields all columns in the first line, otherwise the most frequent one."""

    def fitness(delimiter: str) -> tuple[bool, int]:
        return _names_columns(line, delimiter, columns), line.count(delimiter)

    return max(_DELIMITERS, key=fitness)


def _names_columns(line: str, delimiter: str, columns: Sequence[str]) -> bool:
    return {name.strip().strip('"').lower() for name in line.split(delimiter)}.issuperset(columns)


@dataclass(frozen=True)
class Header:
    """The columns of a file.

    Attributes:
        written: Their names as written, without spaces around them.
        delimiter: The delimiter of the file.
        columns: The columns that the file must have.
        keep_others: Whether its other columns are kept.
    """

    written: tuple[str, ...]
    delimiter: str
    columns: Sequence[str]
    keep_others: bool

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, with those of `columns` in lower case."""
        return tuple(name.lower() if name.lower() in self.columns else name for name in self.written)

    def distinct_names(self) -> tuple[str, ...]:
        """Return the names, those that are repeated with a number: `id`, `id_2`, `id_3`."""
        taken, counts, found = set(self.names), Counter[str](), []
        for name in self.names:
            counts[name] += 1
            distinct = name
            while counts[name] > 1 and distinct in taken:
                distinct = f"{name}_{counts[name]}"
                counts[name] += distinct in taken
            taken.add(distinct)
            found.append(distinct)
        return tuple(found)

    def faults(self) -> Iterator[Finding]:
        """Yield what prevents the rows from being read."""
        missing = [column for column in self.columns if column not in self.names]
        if len(missing) == len(self.columns):
            names = "no column 'input'" if len(missing) == 1 else "neither a column 'input' nor a column 'output'"
            yield fault(
                "MISSING_COLUMN",
                f"The first line names {names}; its fields are: {self._listed}.",
                self._remedy_without_columns(),
            )
            return
        for column in self.columns:
            count = self.names.count(column)
            if count == 0:
                problem, remedy = f"has no column {column!r}", self._remedy(column)
            elif count > 1:
                problem, remedy = f"repeats the column {column!r}", "Remove or rename the other ones."
            else:
                continue
            yield fault(
                "REPEATED_COLUMN" if count else "MISSING_COLUMN",
                f"The header {problem}; its columns are: {self._listed}.",
                remedy,
                column=column,
            )

    def remarks(self) -> Iterator[Finding]:
        """Yield remarks on columns that are renamed or ignored."""
        known = set(self.names)
        for name in dict.fromkeys(self.written):
            if name not in known:
                yield fault(
                    "COLUMN_CASE",
                    f"Column {name!r} is read as {name.lower()!r}.",
                    "Nothing needs to be done; write the name in lower case to avoid this remark.",
                    column=name.lower(),
                    severity=Severity.INFO,
                )
        if self.keep_others:
            return
        unknown = self._unknown
        for name in unknown[:MAX_NAMED_KEYS]:
            yield fault(
                "UNKNOWN_KEY",
                f"Column {excerpt(name)!r} is unknown and is ignored.",
                f"Remove the column; {ONLY_USED}.",
                text=name,
                severity=Severity.WARNING,
            )
        if len(unknown) > MAX_NAMED_KEYS:
            yield more_keys(len(unknown) - MAX_NAMED_KEYS, "columns")

    @property
    def _unknown(self) -> list[str]:
        return [name for name in self.names if name not in self.columns]

    @property
    def _listed(self) -> str:
        return ", ".join(repr(excerpt(name)) for name in self.written[:_MOST_LISTED])

    def _remedy(self, column: str) -> str:
        """Return the remedy for a column that is missing while the other one is there."""
        unknown = self._unknown
        if not unknown:
            return f"Add a column {column}: every row needs an input and the output that belongs to it."
        if len(unknown) == 1:
            return f"Rename {excerpt(unknown[0])!r} to {column}."
        return f"Rename the column that holds the {column}s to {column}."

    def _remedy_without_columns(self) -> str:
        """Return the remedy for a first line that is a row, or a header with other names."""
        if len(self.columns) == 1:
            return (
                "If the line names columns, rename the one with the texts to input; if it is a row, add the line input "
                "before it."
            )
        line = self.delimiter.join(self.columns)
        if len(self.written) == 1:
            return f"Write the output that belongs to each input beside it, and {line} in the first line."
        return (
            "If the line names columns, rename two of them to input and output; if it is a row, add the line "
            f"{line} before it."
        )
