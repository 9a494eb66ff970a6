"""`foreword classify --file`: classification of every row of a file, in order."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

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
_COLUMNS = ("row", "input", "labels", "probability", "error")
_LINE_EVERY_SECONDS = 5.0


def classify_file(
    rows: Iterable[TextRow], classify: Classify, output: TextIO, *, as_csv: bool, escape_formulas: bool
) -> None:
    """Classify the rows of a file in batches, and write each answer or error as soon as its batch is done.

    Args:
        as_csv: Whether to write CSV instead of JSONL.
        escape_formulas: As in `CsvOutput`.

    Raises:
        ClickException: Some rows failed, and their errors are in the output; or an error stopped the command, and rows
            that are not in the output were not classified.
        KeyboardInterrupt: The command was interrupted; standard error has the first row that was not classified.
    """
    from foreword.cli.render import err_console

    write = _csv_writer(output, escape_formulas) if as_csv else _json_writer(output)
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
            for row, answer in zip(batch, answers, strict=True):
                write(_record(row, answer))
                progress.count(failed=isinstance(answer, str))
            output.flush()
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
    return {"row": row.number, "input": text, "labels": labels, "probability": probability, "error": error}


def _json_writer(output: TextIO) -> Callable[[dict[str, Any]], None]:
    def write(record: dict[str, Any]) -> None:
        given = {name: value for name, value in record.items() if value is not None}
        output.write(json.dumps(given, ensure_ascii=False) + "\n")

    return write


def _csv_writer(output: TextIO, escape_formulas: bool) -> Callable[[dict[str, Any]], None]:
    table = CsvOutput(output, escape_formulas=escape_formulas)
    table.write(_COLUMNS)

    def write(record: dict[str, Any]) -> None:
        table.write({**record, "labels": ", ".join(record["labels"] or ())}.values())

    return write


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
