from __future__ import annotations

from collections.abc import Sequence

import pytest

from foreword.domain.dataset import Row
from foreword.plugin.interfaces import ValidationContext
from foreword.testing import RowValidatorTests
from foreword_personal_data.row_validator import PersonalData


class TestPersonalData(RowValidatorTests):
    def make_validator(self) -> PersonalData:
        return PersonalData()

    def good_rows(self) -> Sequence[Row]:
        return [Row(number=number, input=f"Complaint {number}", output="Service") for number in range(1, 13)]

    def bad_rows(self) -> Sequence[Row]:
        return [*self.good_rows(), Row(number=13, input="Write to jo@example.com", output="Call +49 30 1234567")]


@pytest.mark.parametrize("text", ["Order 4930-1234567 of 2026-11-28", "user@host", "3 + 49 30 12", "EAN 4006381333931"])
def test_other_numbers_and_names_are_left_alone(text: str) -> None:
    row = Row(number=1, input=text, output="Service")
    check = PersonalData().start(ValidationContext(task=""))

    assert [finding for finding in check.row(row) if finding.column == "input"] == []
