"""Answers of batch jobs as files: records, and downloads that go on where they were interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foreword.cli.csv_output import CsvOutput
from foreword.private_files import open_private

if TYPE_CHECKING:
    from foreword.client import BatchAnswer, BatchJob, Client

_COLUMNS: Final = ("input", "answer", "abstained", "probability", "input_tokens", "generated_tokens", "error")
_NAMES: Final = (
    *("row", "input", "answer", "labels", "abstained", "probability", "label_probabilities", "stop_reason", "seed"),
    *("input_tokens", "generated_tokens", "error"),
)
"""Names in a record. Other fields of rows that have one of them get another one."""


def answer_record(answer: BatchAnswer) -> dict[str, Any]:
    """Return an answer as a JSON object, without what it does not have, with the other fields of its row."""
    from foreword.client.other_fields import apart

    usage, failure, reason = answer.usage, answer.failure, answer.stop_reason
    record = {
        "input": answer.input,
        "answer": None if failure or answer.abstained else answer.answer,
        "labels": list(answer.labels) or None,
        "abstained": answer.abstained or None,
        "probability": answer.probability,
        "label_probabilities": dict(answer.label_probabilities) or None,
        "stop_reason": None if reason is None else reason.value,
        "seed": answer.seed or None,
        "input_tokens": None if usage is None else usage.input_tokens,
        "generated_tokens": None if usage is None else usage.generated_tokens,
        "error": None if failure is None else {"reason": failure.reason, "message": failure.message},
    }
    known = {name: value for name, value in record.items() if value is not None}
    return {"row": answer.row, **apart(answer.fields, _NAMES), **known}


def answer_lines(answers: Iterable[BatchAnswer]) -> Iterator[str]:
    """Yield answers as lines of JSONL."""
    for answer in answers:
        yield json.dumps(answer_record(answer), ensure_ascii=False) + "\n"


def download(client: Client, job: BatchJob, output: Path, *, escape_formulas: bool) -> int:
    """Write the answers that a job has so far to a file, as CSV if its extension is .csv, otherwise as JSONL.

    The file appears when it is whole. Until then, a file with the ending `.part` beside it holds what has arrived, and
    the next download of the same job goes on after it.

    Args:
        escape_formulas: As in `CsvOutput`.

    Returns:
        The number of answers.

    Raises:
        OSError: The file cannot be written.
    """
    part = output.with_name(f"{output.name}.{job.name.rsplit('/', 1)[-1]}.part")
    done, last_row = _whole_lines(part)
    with open_private(part, "a", encoding="utf-8", newline="\n") as file:
        for line in answer_lines(client.list_batch_answers(job, after_row=last_row)):
            file.write(line)
            done += 1
        file.flush()
        os.fsync(file.fileno())
    if output.suffix.lower() == ".csv":
        table = output.with_name(f"{part.name}.csv")
        _write_csv(part, table, escape_formulas=escape_formulas)
        os.replace(table, output)
        part.unlink()
    else:
        os.replace(part, output)
    return done


def _whole_lines(part: Path) -> tuple[int, int]:
    """Return the number of answers in a file that was interrupted, and the row of the last one.

    A line that is not whole is cut off.
    """
    if not part.exists():
        return 0, 0
    count = end = 0
    last = b""
    with part.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count, end, last = count + 1, end + len(line), line
        file.truncate(end)
    return count, json.loads(last)["row"] if last else 0


def _write_csv(part: Path, table: Path, *, escape_formulas: bool) -> None:
    """Write the answers of a JSONL file as CSV, with a column for each other field that any row has."""
    with part.open(encoding="utf-8") as lines:
        others = list(dict.fromkeys(name for line in lines for name in json.loads(line) if name not in _NAMES))
    columns = ("row", *others, *_COLUMNS)
    with (
        part.open(encoding="utf-8") as lines,
        open_private(table, "w", encoding="utf-8", newline="") as file,
    ):
        writer = CsvOutput(file, escape_formulas=escape_formulas)
        writer.write(columns)
        for line in lines:
            record = json.loads(line)
            record["error"] = record.get("error", {}).get("message")
            writer.write(record.get(name) for name in columns)
