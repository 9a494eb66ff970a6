"""The first line of a CSV file: its delimiter and its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from foreword.data.columns import PAIRS, Columns
from foreword.data.record import MAX_NAMED_KEYS, fault, more_keys, only_used
from foreword.data.row_parser import read_as
from foreword.domain.counted import counted
from foreword.domain.report import Finding, Severity, excerpt

_DELIMITERS: Final = (",", ";", "\t", "|")
_MOST_LISTED: Final = 8
_SEPARATOR_LINE: Final = re.compile(rb'"?sep=([,;\t|])"?[,;\t|]*[ ]*', re.IGNORECASE)


def separator_line(line: bytes | bytearray) -> str:
    """Return the delimiter that a line such as `sep=;` sets; empty for another line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return found[1].decode() if found else ""


def is_header(line: bytes, columns: Columns) -> bool:
    """Return whether a line names all columns, with any delimiter."""
    text = line.decode("utf-8", "replace")
    return any(_names_columns(text, delimiter, columns) for delimiter in _DELIMITERS)


def choose_delimiter(line: str, columns: Columns) -> str:
    """Return the delimiter that yields all columns in the first line, otherwise the most frequent one."""

    def fitness(delimiter: str) -> tuple[bool, int]:
        return _names_columns(line, delimiter, columns), line.count(delimiter)

    return max(_DELIMITERS, key=fitness)


def _names_columns(line: str, delimiter: str, columns: Columns) -> bool:
    names = {name.strip().strip('"').strip().lower() for name in line.split(delimiter)}
    if names.issuperset(name.lower() for name in columns.names):
        return True
    return not columns.are_set and len(columns.required) > 1 and any(names.issuperset(pair) for pair in PAIRS)


@dataclass(frozen=True)
class Header:
    """The columns of a file.

    Attributes:
        written: Their names as written, without spaces around them.
        delimiter: The delimiter of the file.
    """

    written: tuple[str, ...]
    delimiter: str
    looked_for: Columns

    @cached_property
    def columns(self) -> Sequence[str]:
        """The columns that the file must have: `input` and `output`."""
        return self.looked_for.required

    @cached_property
    def sources(self) -> Sequence[str]:
        """The names that are read as `columns`, as written or in lower case."""
        folded = [name.lower() for name in self.written]
        if any(name.lower() in folded for name in self.looked_for.names):
            return self.looked_for.names
        return self.looked_for.find(self.written)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names, with those that are read as `columns` replaced."""
        read = {name.lower(): column for name, column in zip(self.sources, self.columns, strict=True)}
        return tuple(
            read.get(name.lower(), f"original_{name}" if name.lower() in self.columns else name)
            for name in self.written
        )

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
            shown = [repr(excerpt(name)) for name in self.sources]
            names = (
                f"no column {shown[0]}" if len(shown) == 1 else f"neither a column {shown[0]} nor a column {shown[1]}"
            )
            yield fault(
                "MISSING_COLUMN",
                f"The first line names {names}; its fields are: {self._listed}.",
                self._remedy_without_columns(),
            )
            return
        for column, name in zip(self.columns, self.sources, strict=True):
            count = self.names.count(column)
            if count == 0:
                problem, remedy = f"has no column {excerpt(name)!r}", self._remedy(name)
            elif count > 1:
                problem, remedy = f"repeats the column {excerpt(name)!r}", "Remove or rename the other ones."
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
        if tuple(self.sources) != tuple(self.looked_for.names):
            yield fault(*read_as(self.sources), severity=Severity.INFO)
        lowered = {name.lower(): name for name in self.sources}
        for name in dict.fromkeys(self.written):
            if lowered.get(name.lower(), name) != name:
                yield fault(
                    "COLUMN_CASE",
                    f"Column {name!r} is read as {lowered[name.lower()]!r}.",
                    "Nothing needs to be done; write the name in lower case to avoid this remark.",
                    column=self.names[self.written.index(name)],
                    severity=Severity.INFO,
                )
        if self.looked_for.keep_others:
            return
        unknown = [name for name in self._unknown if name]
        nameless = len(self._unknown) - len(unknown)
        if nameless:
            yield fault(
                "UNKNOWN_KEY",
                f"{counted(nameless, 'column')} without a name {'is' if nameless == 1 else 'are'} ignored.",
                f"Nothing needs to be done if the {'column is' if nameless == 1 else 'columns are'} empty; "
                f"{only_used(self.sources)}.",
                severity=Severity.WARNING,
            )
        for name in unknown[:MAX_NAMED_KEYS]:
            yield fault(
                "UNKNOWN_KEY",
                f"Column {excerpt(name)!r} is unknown and is ignored.",
                f"Remove the column; {only_used(self.sources)}.",
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
                "If the line names columns, rename the one with the texts to input or set it (`input_column`); if it "
                "is a row, add the line input before it."
            )
        line = self.delimiter.join(self.columns)
        if len(self.written) > 1 and sum(map(bool, self.written)) == 1:
            return f"Remove the line if it is a title; the first line must name the columns, such as {line}."
        if len(self.written) == 1:
            return f"Write the output that belongs to each input beside it, and {line} in the first line."
        return (
            "If the line names columns, rename two of them to input and output or set them (`input_column`, "
            f"`output_column`); if it is a row, add the line {line} before it."
        )
