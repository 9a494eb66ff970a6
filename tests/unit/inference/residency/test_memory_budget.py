"""The memory that base models may take."""

from __future__ import annotations

import pytest

from foreword.inference.residency.memory_budget import MemoryBudget


@pytest.mark.parametrize(("setting", "strict"), [(5000, True), (0, False)])
def test_a_budget_is_the_setting_or_a_share_of_the_machine(setting, strict):
    budget = MemoryBudget.of(setting, device="cpu", processes=2)

    assert budget.strict is strict
    assert budget.byte_size == 5000 if setting else 2**20 < (budget.byte_size or 0) < 2**50
