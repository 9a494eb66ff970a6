from __future__ import annotations

from collections.abc import Sequence

import pytest

from foreword.domain.dataset import Row
from foreword.domain.report import Finding, Severity
from foreword.plugin.interfaces import ValidationContext
from foreword_validators.leakage import Leakage
from foreword_validators.near_inputs import permission

HELD_OUT = ["I waited for an hour.", "The box was wet and the lid was broken.", "No one answers the telephone at noon"]


def numbered(inputs: Sequence[str], first: int = 1) -> list[Row]:
    return [Row(number=number, input=input, output="x") for number, input in enumerate(inputs, first)]


def compared(inputs: Sequence[str], others: Sequence[str] = HELD_OUT, near: bool | None = None) -> list[Finding]:
    rows = numbered(inputs)
    check = Leakage().start(ValidationContext(task="", against=numbered(others, 11), near_duplicates=near))
    assert check is not None
    assert not [finding for row in rows for finding in check.row(row)]
    return list(check.review(rows))


def test_rows_of_the_other_file_are_named_with_their_numbers_there() -> None:
    equal, near = compared(["Thank you!", HELD_OUT[1], f"Hello, {HELD_OUT[2].upper()}!", f" {HELD_OUT[1]} "])

    assert (equal.severity, equal.code, equal.rows, equal.row_count) == (Severity.WARNING, "LEAKED_ROWS", (2, 4), 2)
    assert "row 2 is row 12 there; row 4 is row 12 there" in equal.message
    assert (near.severity, near.code, near.rows, near.row_count) == (Severity.WARNING, "NEARLY_LEAKED_ROWS", (3,), 1)
    assert 'row 3 differs from row 13 there in "hello"' in near.message


def test_rows_that_repeat_each_other_are_no_leak() -> None:
    assert compared(["The screen is cracked in the corner", "The screen is cracked in the corner!"]) == []


def test_without_another_file_there_is_nothing_to_check() -> None:
    assert Leakage().start(ValidationContext(task="")) is None


def test_only_equal_rows_are_looked_for_in_large_files_or_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [HELD_OUT[0], HELD_OUT[1].upper()]
    monkeypatch.setattr(permission, "MAX_ROWS_UNASKED", 4)

    assert [finding.code for finding in compared(inputs)] == ["LEAKED_ROWS", "NEAR_DUPLICATES_NOT_SEARCHED"]
    assert [finding.code for finding in compared(inputs, near=True)] == ["LEAKED_ROWS", "NEARLY_LEAKED_ROWS"]
    assert [finding.code for finding in compared(inputs, near=False)] == ["LEAKED_ROWS"]


def test_every_near_copy_of_many_rows_is_found() -> None:
    others = [f"Parcel {number} of {number * 7} was left in the rain behind house {number * 3}" for number in range(60)]

    (near,) = compared([f"{text} again" for text in others], others)

    assert (near.code, near.row_count) == ("NEARLY_LEAKED_ROWS", 60)
