"""Damaged files: the checks never fail, and every fault has its row or is one of the file."""

from __future__ import annotations

from contextlib import closing

import pytest

from factories.mutated_files import mutated_files
from foreword.data.checker import DatasetChecker
from foreword.data.rows import read_rows
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import MAX_ROWS_PER_FINDING, Severity
from foreword.plugin.manager import PluginManager

PLUGINS = PluginManager.load(("foreword:tasks", "foreword:validators"))
READ_NOTHING = {"NO_ROWS", "NOT_AN_ARRAY", "NOT_UTF8_TEXT", "ROWS_AS_COLUMNS", "MISSING_COLUMN", "REPEATED_COLUMN"}
OF_THE_FILE = READ_NOTHING | {"ARRAY_NOT_CLOSED", "TRAILING_CONTENT", "BAD_QUOTES", "INVALID_UTF8", "TOO_MANY_FAULTS"}


def check(content: bytes, size: int) -> None:
    checker = DatasetChecker(
        validators=tuple(PLUGINS.row_validators), task=None, tasks=PLUGINS.tasks.items, options=TaskOptions()
    )
    with closing(checker):
        for start in range(0, len(content), size):
            checker.feed(content[start : start + size])
        checked = checker.finish()
        rows = list(read_rows(checked.file))
    report = checked.report
    assert len(rows) == checked.row_count == report.usable_row_count <= report.row_count
    assert all(row.input.strip() and row.output.strip() for row in rows)
    assert [row.number for row in rows] == sorted({row.number for row in rows})
    assert rows or report.errors
    of_the_file = []
    for finding in report.findings:
        assert finding.message
        assert finding.code not in ("VALIDATOR_FAILED", "TASK_CHECK_FAILED", "TASK_CHOICE_FAILED"), finding.message
        assert len(finding.rows) <= MAX_ROWS_PER_FINDING
        assert all(number > 0 for number in finding.rows)
        if finding.severity is Severity.ERROR:
            assert finding.remedy
            if not finding.rows:
                of_the_file.append(finding.code)
    assert len(of_the_file) == len(set(of_the_file)) or {"MISSING_COLUMN", "REPEATED_COLUMN"} & set(of_the_file)
    assert set(of_the_file) <= OF_THE_FILE


def test_no_damaged_file_fails_a_check() -> None:
    for number, content in enumerate(mutated_files(300)):
        check(content, size=max(1, len(content)) if number % 2 else 50)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 5))
def test_none_of_twenty_thousand_damaged_files_fails_a_check(seed: int) -> None:
    for number, content in enumerate(mutated_files(5_000, seed=seed)):
        check(content, size=max(1, len(content)) if number % 2 else 50)
