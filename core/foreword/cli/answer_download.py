"""Answers of batch jobs as files: records, and downloads that go on where they were interrupted."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foreword.private_files import open_private

if TYPE_CHECKING:
    from foreword.client import BatchAnswer, BatchJob, Client

_COLUMNS: Final = ("row", "input", "answer", "abstained", "probability", "input_tokens", "generated_tokens", "error")


def answer_record(answer: BatchAnswer) -> dict[str, Any]:
    """Return an answer as a JSON object, without what it does not have."""
    usage, failure, reason = answer.usage, answer.failure, answer.stop_reason
    record = {
        "row": answer.row,
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
    return {name: value for name, value in record.items() if value is not None}


def answer_lines(answers: Iterable[BatchAnswer]) -> Iterator[str]:
    """Yield answers as lines of JSONL."""
    for answer in answers:
        yield json.dumps(answer_record(answer), ensure_ascii=False) + "\n"


def download(client: Client, job: BatchJob, output: Path) -> int:
    """Write the answers that a job has so far to a file, as CSV if its extension is .csv, otherwise as JSONL.

    The file appears when it is whole. Until then, a file with the ending `.part` beside it holds what has arrived, and
    the next download of the same job goes on after it.

    Returns:
        The number of answers.

    Raises:
        OSError: The file cannot be written.
    """
    part = output.with_name(f"{output.name}.{job.name.rsplit('/', 1)[-1]}.part")
    done = _whole_lines(part)
    with open_private(part, "a", encoding="utf-8", newline="\n") as file:
        for line in answer_lines(client.list_batch_answers(job, after_row=done)):
            file.write(line)
            done += 1
        file.flush()
        os.fsync(file.fileno())
    if output.suffix.lower() == ".csv":
        table = output.with_name(f"{part.name}.csv")
        _write_csv(part, table)
        os.replace(table, output)
        part.unlink()
    else:
        os.replace(part, output)
    return done


def _whole_lines(part: Path) -> int:
    """Return the number of answers in a file that was interrupted, after cutting off a line that is not whole."""
    if not part.exists():
        return 0
    count = end = 0
    with part.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            count, end = count + 1, end + len(line)
        file.truncate(end)
    return count


def _write_csv(part: Path, table: Path) -> None:
    with (
        part.open(encoding="utf-8") as lines,
        open_private(table, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for line in lines:
            record = json.loads(line)
            record["error"] = record.get("error", {}).get("message")
            record["abstained"] = "true" if record.get("abstained") else None
            writer.writerow([record.get(name) for name in _COLUMNS])
