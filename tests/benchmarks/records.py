"""Records of a benchmark: every answer as a line of JSON, so that two models can be compared row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cross_validation import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer to one test row.

    Attributes:
        benchmark: The benchmark of the row, such as `complaints`.
        metric: The kind of metrics: `labels`, `text` or `summary`.
        row: Number of the row in its file.
    """

    benchmark: str
    metric: str
    system: str
    fold: int
    seed: int
    row: int
    reference: str
    prediction: str

    @property
    def place(self) -> tuple[int, int]:
        """The key of the row, the same for all folds and seeds."""
        return self.fold, self.row


class Records:
    """A file to which answers are added.

    Args:
        file: The file; None to store no answers.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def add(self, answers: Iterable[Answer]) -> None:
        """Append answers."""
        if self._file is not None:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.writelines(json.dumps(asdict(answer)) + "\n" for answer in answers)


def answers_of(
    benchmark: str, metric: str, system: str, predictions: Sequence[str], split: Split, seed: int
) -> list[Answer]:
    """Convert predictions, in the order of a split's test rows, to answers."""
    return [
        Answer(
            benchmark=benchmark, metric=metric, system=system, fold=split.fold, seed=seed, row=row.number,
            reference=row.output, prediction=prediction,
        )
        for row, prediction in zip(split.test, predictions, strict=True)
    ]  # fmt: skip


def read_records(file: Path) -> Iterator[Answer]:
    """Return the answers of a file."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield Answer(**json.loads(line))
