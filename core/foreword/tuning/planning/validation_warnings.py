"""Findings about a validation dataset: rows that are also trained on, and answers that no training row has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.held_out import input_digest
from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, Severity, excerpt
from foreword.plugin.interfaces import LabelSpace

_SOURCE: Final = "plan"
_MOST_PAIRS: Final = 5
_MOST_ANSWERS: Final = 10


def validation_warnings(
    rows: Sequence[Row],
    validation_rows: Sequence[Row],
    *,
    targets: Sequence[str],
    validation_targets: Sequence[str],
    space: LabelSpace | None,
    check: Callable[[], None] = lambda: None,
) -> tuple[Finding, ...]:
    """Return the findings about the rows of a validation dataset; `Finding.rows` are rows of that dataset.

    Args:
        rows: All rows to train on.
        validation_rows: All rows of the validation dataset.
        targets: The canonical answer of each row to train on.
        validation_targets: The canonical answer of each validation row.
        space: The answers of a closed task; None for an open one, whose answers are seldom repeated.
        check: Called for each row; raises an error to stop.
    """
    found = [*_trained_rows(rows, validation_rows, check)]
    if space is not None:
        trained = set(targets)
        new = [
            (row.number, target)
            for row, target in zip(validation_rows, validation_targets, strict=True)
            if target not in trained
        ]
        known = set(space.labels)
        composed = [target in known or known.issuperset(_parts(target, space)) for _, target in new]
        found += _unknown_labels([item for item, is_known in zip(new, composed, strict=True) if not is_known])
        found += _new_answers([item for item, is_known in zip(new, composed, strict=True) if is_known])
    return tuple(found)


def _trained_rows(rows: Iterable[Row], validation_rows: Sequence[Row], check: Callable[[], None]) -> Iterable[Finding]:
    """Return a warning about the validation rows whose inputs are trained on: they measure memory."""
    held_out: set[bytes] = set()
    for row in validation_rows:
        check()
        held_out.add(input_digest(row))
    trained: dict[bytes, int] = {}
    for row in rows:
        check()
        digest = input_digest(row)
        if digest in held_out:
            trained.setdefault(digest, row.number)
    if not trained:
        return
    leaked: list[tuple[int, int]] = []
    for row in validation_rows:
        check()
        training_number = trained.get(input_digest(row))
        if training_number is not None:
            leaked.append((row.number, training_number))
    shown = ", ".join(f"{number} (row {training_number})" for number, training_number in leaked[:_MOST_PAIRS])
    yield Finding(
        severity=Severity.WARNING,
        code="VALIDATION_ROWS_TRAINED",
        message=f"{len(leaked):,} of {len(validation_rows):,} validation rows have the same input as a row of the "
        f"dataset, so that the results on them measure memory: validation row {shown}"
        f"{', ...' if len(leaked) > _MOST_PAIRS else ''}.",
        remedy="Remove these rows from the dataset or from the validation dataset.",
        rows=tuple(number for number, _ in leaked[:MAX_ROWS_PER_FINDING]),
        row_count=len(leaked),
        column="input",
        source=_SOURCE,
    )


def _parts(target: str, space: LabelSpace) -> list[str]:
    return target.split(space.separator) if space.multi_label else [target]


def _unknown_labels(rows: Sequence[tuple[int, str]]) -> Iterable[Finding]:
    if rows:
        yield _finding(
            rows,
            severity=Severity.WARNING,
            code="VALIDATION_LABELS_UNKNOWN",
            message=f"{_counted(rows)} answers with labels that the dataset does not have, so that every answer to "
            f"them is wrong: {_listed(rows)}.",
            remedy="Add rows with these labels to the dataset, or correct these rows.",
        )


def _new_answers(rows: Sequence[tuple[int, str]]) -> Iterable[Finding]:
    if rows:
        yield _finding(
            rows,
            severity=Severity.INFO,
            code="VALIDATION_ANSWERS_NEW",
            message=f"{_counted(rows)} answers that no row of the dataset has: {_listed(rows)}.",
            remedy="Add rows with these answers to the dataset, so that they are trained.",
        )


def _counted(rows: Sequence[tuple[int, str]]) -> str:
    return "1 validation row has" if len(rows) == 1 else f"{len(rows):,} validation rows have"


def _listed(rows: Sequence[tuple[int, str]]) -> str:
    """Return the distinct answers, in the order of the file."""
    answers = list(dict.fromkeys(excerpt(target) for _, target in rows))
    more = f", and {len(answers) - _MOST_ANSWERS:,} more" if len(answers) > _MOST_ANSWERS else ""
    return "; ".join(answers[:_MOST_ANSWERS]) + more


def _finding(rows: Sequence[tuple[int, str]], *, severity: Severity, code: str, message: str, remedy: str) -> Finding:
    return Finding(
        severity=severity,
        code=code,
        message=message,
        remedy=remedy,
        rows=tuple(number for number, _ in rows[:MAX_ROWS_PER_FINDING]),
        row_count=len(rows),
        column="output",
        source=_SOURCE,
    )
