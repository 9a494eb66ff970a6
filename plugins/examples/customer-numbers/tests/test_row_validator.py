from __future__ import annotations

from collections.abc import Sequence

import pytest

from foreword.domain.dataset import Row
from foreword.plugin.interfaces import ValidationContext
from foreword.testing import RowValidatorTests
from foreword_customer_numbers.row_validator import CustomerNumbers


class TestCustomerNumbers(RowValidatorTests):
    def make_validator(self) -> CustomerNumbers:
        return CustomerNumbers()

    def good_rows(self) -> Sequence[Row]:
        return [Row(number=number, input=f"Complaint {number}", output="Service") for number in range(1, 13)]

    def bad_rows(self) -> Sequence[Row]:
        return [*self.good_rows(), Row(number=13, input="I am C-204117", output="Call C-110002")]


@pytest.mark.parametrize("text", ["Order 204117 of 2026-11-28", "C-2041", "ABC-204117", "C-2041179"])
def test_other_numbers_are_left_alone(text: str) -> None:
    row = Row(number=1, input=text, output="Service")
    check = CustomerNumbers().start(ValidationContext(task=""))

    assert list(check.row(row)) == []
