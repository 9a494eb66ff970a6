"""Limits of reports and evaluations, so that their resource fits into a message that every gRPC client accepts.

Their content comes from data and plugins, so it can have any size. Texts are cut and marked, and the rest is left out
and counted.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from foreword.domain.report import (
    DataReport,
    EvaluationExample,
    Finding,
    Histogram,
    Matrix,
    ReportPart,
    SystemEvaluation,
    Table,
    Values,
)
from foreword.domain.suspect_rows import MAX_SUSPECT_ROWS, SuspectRow, SuspectRows

Item = TypeVar("Item")

CUT_MARK: Final = " [...]"
"""The end of a text that was cut."""

MAX_EXAMPLES: Final = 10
"""Maximum number of examples in an evaluation."""
MAX_EXAMPLE_CHARACTERS: Final = 1_000
"""Maximum length of a text in an example."""
MAX_FINDING_CHARACTERS: Final = 1_000
"""Maximum length of the message and of the remedy of a finding."""
MAX_CELL_CHARACTERS: Final = 200
"""Maximum length of a title, a label or a cell in a report part."""
MAX_PARTS: Final = 50
"""Maximum number of parts in a report or an evaluation."""

MAX_FINDINGS_BYTES: Final = 2**20
"""Maximum size of the findings of a data report."""
MAX_PARTS_BYTES: Final = 2**20
"""Maximum size of the parts of a data report."""
MAX_EVALUATIONS_BYTES: Final = 2**20
"""Maximum size of all evaluations of an experiment."""
MAX_WARNINGS_BYTES: Final = 2**16
"""Maximum size of the warnings of a plan."""
MAX_SUSPECT_CHARACTERS: Final = 500
"""Maximum length of a text of a row that looks mislabelled."""
MAX_SUSPECT_ROWS_BYTES: Final = 40_000
"""Maximum size of the rows of an experiment that look mislabelled."""

_MAX_EVALUATIONS = 20
_MAX_METRICS = 50
_FIELD_BYTES = 8  # at least the tag and the length of a field
_NUMBER_BYTES = 12
_CALIBRATION_BYTES = 500  # at most ten bins
_FINDING_BYTES = 300  # row numbers, counts and tags
_SUSPECT_BYTES = 350  # the name of the dataset, numbers and tags


def cut_text(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters; if it was longer, it ends with `CUT_MARK`."""
    return text if len(text) <= limit else text[: limit - len(CUT_MARK)] + CUT_MARK


def limit_findings(findings: Iterable[Finding], max_bytes: int) -> tuple[tuple[Finding, ...], int]:
    """Return findings with cut texts, as many as fit, and the number of those that do not.

    Args:
        findings: The most important first.
    """
    kept, used, omitted = [], 0, 0
    for finding in findings:
        short = replace(
            finding,
            message=cut_text(finding.message, MAX_FINDING_CHARACTERS),
            remedy=cut_text(finding.remedy, MAX_FINDING_CHARACTERS),
            code=finding.code[:MAX_CELL_CHARACTERS],
            column=finding.column[:MAX_CELL_CHARACTERS],
            source=finding.source[:MAX_CELL_CHARACTERS],
        )
        used += _FINDING_BYTES + _size(short.message, short.remedy, short.excerpt, short.code, short.source)
        if used > max_bytes:
            omitted += 1
        else:
            kept.append(short)
    return tuple(kept), omitted


def limit_report(report: DataReport) -> DataReport:
    """Return a report whose findings and parts are within their limits."""
    findings, omitted = limit_findings(report.findings, MAX_FINDINGS_BYTES)
    return replace(
        report,
        findings=findings,
        omitted_finding_count=report.omitted_finding_count + omitted,
        parts=_limit_parts(report.parts, MAX_PARTS_BYTES),
    )


def limit_evaluations(evaluations: Sequence[SystemEvaluation]) -> tuple[SystemEvaluation, ...]:
    """Return evaluations that are within their limits together."""
    share = MAX_EVALUATIONS_BYTES // max(1, min(len(evaluations), _MAX_EVALUATIONS))
    return tuple(_limit_evaluation(evaluation, share) for evaluation in evaluations[:_MAX_EVALUATIONS])


def limit_suspect_rows(suspects: SuspectRows) -> SuspectRows:
    """Return suspect rows with cut texts, as many as fit."""
    short = (
        replace(
            row,
            input=cut_text(row.input, MAX_SUSPECT_CHARACTERS),
            output=cut_text(row.output, MAX_SUSPECT_CHARACTERS),
            prediction=cut_text(row.prediction, MAX_SUSPECT_CHARACTERS),
        )
        for row in suspects.rows[:MAX_SUSPECT_ROWS]
    )
    rows, _ = _fitting(short, _suspect_size, MAX_SUSPECT_ROWS_BYTES)
    return replace(suspects, rows=rows)


def _suspect_size(row: SuspectRow) -> int:
    return _SUSPECT_BYTES + _size(row.input, row.output, row.prediction)


def _limit_evaluation(evaluation: SystemEvaluation, room: int) -> SystemEvaluation:
    metrics = {
        cut_text(id, MAX_CELL_CHARACTERS): value
        for id, value in itertools.islice(evaluation.metrics.items(), _MAX_METRICS)
    }
    room -= _CALIBRATION_BYTES + sum(2 * _size(id) + 3 * _NUMBER_BYTES for id in metrics)  # with their intervals
    examples = [
        EvaluationExample(
            input=cut_text(example.input, MAX_EXAMPLE_CHARACTERS),
            reference=cut_text(example.reference, MAX_EXAMPLE_CHARACTERS),
            prediction=cut_text(example.prediction, MAX_EXAMPLE_CHARACTERS),
        )
        for example in evaluation.examples[:MAX_EXAMPLES]
    ]
    # Half of the room is enough for parts that people read, and examples explain more than numbers.
    while examples and _examples_size(examples) > room // 2:
        examples.pop()
    return replace(
        evaluation,
        metrics=metrics,
        intervals={id: interval for id, interval in evaluation.intervals.items() if id in metrics},
        examples=tuple(examples),
        parts=_limit_parts(evaluation.parts, room - _examples_size(examples)),
    )


def _examples_size(examples: Iterable[EvaluationExample]) -> int:
    return sum(_size(item.input, item.reference, item.prediction) + _FIELD_BYTES for item in examples)


def _limit_parts(parts: Sequence[ReportPart], room: int) -> tuple[ReportPart, ...]:
    """Return the first parts. Those that need less than an equal share of the room leave the rest to the others."""
    kept = list(parts[:MAX_PARTS])
    needs = [_limit_part(part, sys.maxsize)[1] for part in kept]
    smallest_first = sorted(range(len(kept)), key=needs.__getitem__)
    for done, place in enumerate(smallest_first):
        kept[place], used = _limit_part(kept[place], room // (len(kept) - done))
        room -= used
    return tuple(kept)


def _limit_part(part: ReportPart, room: int) -> tuple[ReportPart, int]:
    """Return a part that fits into `room` bytes, and its size. The title of a shortened part says what is left."""
    id, title = part.id[:MAX_CELL_CHARACTERS], cut_text(part.title, MAX_CELL_CHARACTERS)
    content = part.content
    used = _size(id, title) + 2 * MAX_CELL_CHARACTERS
    shortened = ""
    match content:
        case Table():
            columns, cells = _fitting(map(_cell, content.columns), _size, room - used)
            used += cells
            rows, cells = _fitting(
                (tuple(map(_cell, row[: len(columns)])) for row in content.rows),
                lambda row: _size(*row) + _FIELD_BYTES,
                room - used,
            )
            used += cells
            shortened = _counted(len(rows), len(content.rows), "rows")
            content = Table(columns=columns, rows=rows)
        case Histogram():
            counts, cells = _fitting(content.counts, lambda _: 2 * _NUMBER_BYTES, room - used)
            used += cells
            shortened = _counted(len(counts), len(content.counts), "intervals")
            content = Histogram(unit=_cell(content.unit), edges=content.edges[: len(counts) + 1], counts=counts)
        case Matrix():
            matrix, cells = _limit_matrix(content, room - used)
            used += cells
            shortened = _counted(len(matrix.row_labels), len(content.row_labels), "rows")
            content = matrix
        case Values():
            pairs = ((_cell(name), value) for name, value in content.values.items())
            named, cells = _fitting(pairs, lambda pair: _size(pair[0]) + _NUMBER_BYTES, room - used)
            used += cells
            shortened = _counted(len(named), len(content.values), "values")
            content = Values(values=dict(named))
    return ReportPart(id=id, title=title + shortened, content=content), used


def _limit_matrix(matrix: Matrix, room: int) -> tuple[Matrix, int]:
    rows, columns = tuple(map(_cell, matrix.row_labels)), tuple(map(_cell, matrix.column_labels))

    def size() -> int:
        return _size(*rows, *columns) + len(rows) * len(columns) * _NUMBER_BYTES

    while (rows or columns) and size() > room:
        if len(rows) >= len(columns):
            rows = rows[: len(rows) - max(1, len(rows) // 10)]
        else:
            columns = columns[: len(columns) - max(1, len(columns) // 10)]
    values = tuple(tuple(row[: len(columns)]) for row in matrix.values[: len(rows)])
    return Matrix(row_labels=rows, column_labels=columns, values=values), size()


def _fitting(items: Iterable[Item], size: Callable[[Item], int], room: int) -> tuple[tuple[Item, ...], int]:
    """Return the first items that fit into `room` bytes, and their size."""
    kept, used = [], 0
    for item in items:
        needed = size(item)
        if used + needed > room:
            break
        kept.append(item)
        used += needed
    return tuple(kept), used


def _cell(text: str) -> str:
    return cut_text(text, MAX_CELL_CHARACTERS)


def _counted(shown: int, total: int, noun: str) -> str:
    return "" if shown == total else f" (the first {shown:,} of {total:,} {noun})"


def _size(*texts: str) -> int:
    """Return the size of text fields in a message, rounded up."""
    return sum(len(text.encode("utf-8", "surrogatepass")) + _FIELD_BYTES for text in texts)
