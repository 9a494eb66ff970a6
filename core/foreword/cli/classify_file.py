"""`foreword classify --file`: classification of every row of a file, in order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from foreword.cli.csv_output import CsvOutput
from foreword.cli.text_file import TextRow
from foreword.domain.counted import counted
from foreword.errors import ForewordError

if TYPE_CHECKING:
    from rich.console import Console

    from foreword.client import ClassifyResult

Classify = Callable[[Sequence[str]], "Sequence[ClassifyResult | ForewordError]"]
"""A function that classifies texts; the result of a text that failed is its error."""

_BATCH_ROWS = 128
_COLUMNS: Final = ("row", "input", "labels", "probability", "error")
_LATER_FIELDS: Final = "later_fields"
"""Column of CSV, as JSON, for the fields that no row of the first batch has, if the names are not known before."""
_LINE_EVERY_SECONDS = 5.0


def classify_file(
    rows: Iterable[TextRow],
    classify: Classify,
    output: TextIO,
    *,
    as_csv: bool,
    escape_formulas: bool,
    fields: Sequence[str] | None = None,
) -> None:
    """Classify the rows of a file in batches, and write each answer or error as soon as its batch is done.

    The other fields of a row are in its output, in CSV as columns. A field that has the name of a result gets `input_`
    in front of its own.

    Args:
        as_csv: Whether to write CSV instead of JSONL.
        escape_formulas: As in `CsvOutput`.
        fields: Names of the other fields of all rows, for CSV; None if they are not known.

    Raises:
        ClickException: There are no rows; or some failed, and their errors are in the output; or an error stopped the
            command, and rows that are not in the output were not classified.
        KeyboardInterrupt: The command was interrupted; standard error has the first row that was not classified.
    """
    from foreword.cli.render import err_console

    writer = _CsvAnswers(output, escape_formulas, fields) if as_csv else _JsonAnswers(output)
    progress = _Progress(err_console())
    reading = iter(rows)
    with progress:
        while batch := list(islice(reading, _BATCH_ROWS)):
            try:
                answers = _answers(batch, classify)
            except ForewordError as error:
                raise click.ClickException(f"{error.message} {_unfinished(batch)}") from error
            except KeyboardInterrupt:
                click.echo(_unfinished(batch), err=True)
                raise
            writer.begin_batch(batch)
            for row, answer in zip(batch, answers, strict=True):
                writer.write(row, _record(row, answer))
                progress.count(failed=isinstance(answer, str))
            output.flush()
    if not progress.done:
        raise click.ClickException(
            'No row could be read from the file. Write rows such as {"input": "..."}, one per line, CSV with a column '
            "`input`, or a text in each line."
        )
    if progress.failed:
        raise click.ClickException(
            f"{progress.failed:,} of {counted(progress.done, 'row')} failed; see the field `error` in the output."
        )


def _unfinished(batch: Sequence[TextRow]) -> str:
    """Return a sentence about the rows that were not classified."""
    return f"Row {batch[0].number:,} and all later rows were not classified."


def _answers(batch: Sequence[TextRow], classify: Classify) -> Iterator[ClassifyResult | str]:
    """Return the answer of each row, or the reason why it has none."""
    texts = [row.text for row in batch if not row.fault]
    answers = iter(classify(texts) if texts else ())

    def each() -> Iterator[ClassifyResult | str]:
        for row in batch:
            answer = row.fault or next(answers)
            yield answer.message if isinstance(answer, ForewordError) else answer

    return each()


def _record(row: TextRow, answer: ClassifyResult | str) -> dict[str, Any]:
    """Return the output for a row. Bytes of its text that are not UTF-8 become question marks."""
    labels = probability = error = None
    if isinstance(answer, str):
        error = answer
    else:
        labels = list(answer.labels)
        probability = answer.label_sets[0].probability if answer.label_sets else None
    text = row.text.encode("utf-8", "replace").decode()
    return {"input": text, "labels": labels, "probability": probability, "error": error}


def _others(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the other fields of a row under the names that they have in the output."""
    from foreword.client.other_fields import apart

    return apart(fields, (*_COLUMNS, _LATER_FIELDS))


class _JsonAnswers:
    """Answers as lines of JSON."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def begin_batch(self, batch: Sequence[TextRow]) -> None:
        """Prepare for the answers to a batch."""

    def write(self, row: TextRow, record: dict[str, Any]) -> None:
        """Write an answer, without what it does not have."""
        known = {name: value for name, value in record.items() if value is not None}
        line = json.dumps({"row": row.number, **_others(row.fields), **known}, ensure_ascii=False)
        # Halves of surrogate pairs, which fields may hold, have no UTF-8.
        self._output.write(line.encode("utf-8", "replace").decode() + "\n")


class _CsvAnswers:
    """Answers as CSV.

    Args:
        fields: As in `classify_file`. If they are not known, the columns are those of the first batch.
    """

    def __init__(self, output: TextIO, escape_formulas: bool, fields: Sequence[str] | None) -> None:
        self._table = CsvOutput(output, escape_formulas=escape_formulas)
        self._has_later = fields is None
        self._others: list[str] | None = None if fields is None else list(_others(dict.fromkeys(fields)))
        if self._others is not None:
            self._write_header(self._others)

    def begin_batch(self, batch: Sequence[TextRow]) -> None:
        """Prepare for the answers to a batch."""
        if self._others is None:
            self._others = list(dict.fromkeys(name for row in batch for name in _others(row.fields)))
            self._write_header(self._others)

    def write(self, row: TextRow, record: dict[str, Any]) -> None:
        """Write an answer."""
        assert self._others is not None, "begin the batch first"
        given = _others(row.fields)
        cells = [row.number, *(given.pop(name, None) for name in self._others)]
        cells += ({**record, "labels": ", ".join(record["labels"] or ())}[name] for name in _COLUMNS[1:])
        self._table.write([*cells, given or None] if self._has_later else cells)

    def _write_header(self, others: Sequence[str]) -> None:
        later = (_LATER_FIELDS,) if self._has_later else ()
        self._table.write(("row", *others, *_COLUMNS[1:], *later))


class _Progress:
    """Progress of the rows: a live line on a terminal, otherwise a line every few seconds."""

    def __init__(self, console: Console) -> None:
        self.done = self.failed = 0
        self._console = console
        self._status = console.status("0 rows") if console.is_terminal else None
        self._began = self._last_line = time.monotonic()

    def __enter__(self) -> None:
        if self._status is not None:
            self._status.start()

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
        self._console.print(self._text())

    def count(self, *, failed: bool) -> None:
        """Count a row that was written."""
        self.done += 1
        self.failed += failed
        if self._status is not None:
            self._status.update(self._text())
        elif time.monotonic() - self._last_line > _LINE_EVERY_SECONDS:
            self._last_line = time.monotonic()
            self._console.print(self._text())

    def _text(self) -> str:
        seconds = max(time.monotonic() - self._began, 0.001)
        failed = f", {self.failed:,} failed" if self.failed else ""
        return f"{counted(self.done, 'row')}{failed}, {self.done / seconds:,.0f} rows/s"
