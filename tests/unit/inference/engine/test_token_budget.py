from __future__ import annotations

from datetime import timedelta

import pytest

from foreword.errors import ExhaustedError
from foreword.inference.engine.token_budget import TokenBudget


def test_a_full_queue_says_when_to_try_again():
    budget = TokenBudget(100)
    budget.worked(tokens=50, seconds=1.0)
    budget.take("acme", 90)

    with pytest.raises(ExhaustedError) as caught:
        budget.take("acme", 60)

    assert caught.value.retry_after == timedelta(seconds=1)
    assert "FOREWORD_MAX_QUEUED_TOKENS" in caught.value.message
    budget.give("acme", 90)
    budget.take("acme", 60)
    assert budget.total == 60


def test_a_request_larger_than_the_queue_enters_when_nothing_waits():
    budget = TokenBudget(100)
    budget.take("acme", 500)
    with pytest.raises(ExhaustedError):
        budget.take("acme", 1)


def test_a_tenant_below_its_share_enters_a_queue_that_another_filled():
    budget = TokenBudget(100)
    budget.take("greedy", 100)
    budget.take("modest", 40)
    with pytest.raises(ExhaustedError):
        budget.take("modest", 40)
    with pytest.raises(ExhaustedError):
        budget.take("greedy", 1)
