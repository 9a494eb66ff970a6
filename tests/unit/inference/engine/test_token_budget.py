from __future__ import annotations

from datetime import timedelta

import pytest

from foreword.errors import ExhaustedError
from foreword.inference.engine.token_budget import TokenBudget


def test_the_error_about_a_full_queue_gives_the_time_to_retry():
    budget = TokenBudget(100)
    budget.record_speed(tokens=50, seconds=1.0)
    budget.reserve("acme", 90)

    with pytest.raises(ExhaustedError) as caught:
        budget.reserve("acme", 60)

    assert caught.value.retry_after == timedelta(seconds=1)
    assert "FOREWORD_MAX_QUEUED_TOKENS" in caught.value.message
    budget.release("acme", 90)
    budget.reserve("acme", 60)
    assert budget.total == 60


def test_a_request_larger_than_the_queue_enters_when_nothing_waits():
    budget = TokenBudget(100)
    budget.reserve("acme", 500)
    with pytest.raises(ExhaustedError):
        budget.reserve("acme", 1)


def test_a_tenant_below_its_share_enters_a_queue_that_another_filled():
    budget = TokenBudget(100)
    budget.reserve("greedy", 100)
    budget.reserve("modest", 40)
    with pytest.raises(ExhaustedError) as caught:
        budget.reserve("modest", 40)
    assert "140" not in f"{caught.value.message} {caught.value.metadata}", "it shows how much others have queued"
    with pytest.raises(ExhaustedError):
        budget.reserve("greedy", 1)


def test_a_request_that_has_more_tokens_than_estimated_is_checked_again():
    budget = TokenBudget(100)
    budget.reserve("acme", 40)
    budget.reserve("acme", 20)

    with pytest.raises(ExhaustedError):
        budget.resize("acme", 20, 70)
    assert budget.total == 60

    budget.resize("acme", 20, 60)
    budget.resize("acme", 60, 5)
    assert budget.total == 45
