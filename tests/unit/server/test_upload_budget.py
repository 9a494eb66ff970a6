from __future__ import annotations

from contextlib import ExitStack

import pytest

from foreword.errors import ExhaustedError
from foreword.server.uploads.budget import UploadBudget

MIB = 2**20


def test_a_file_that_is_alone_may_be_of_any_size():
    budget = UploadBudget(4 * MIB)

    with budget.open("acme") as hold:
        hold(10 * MIB)
        with pytest.raises(ExhaustedError) as caught, budget.open("acme"):
            pass

    assert caught.value.retry_after.total_seconds() > 0
    assert caught.value.reason == "TOO_MANY_UPLOADS"


def test_what_a_tenant_has_under_way_is_bounded_and_free_again_at_the_end():
    budget = UploadBudget(4 * MIB)
    with budget.open("acme") as first, ExitStack() as later:
        first(2 * MIB)
        second = later.enter_context(budget.open("acme"))
        second(2 * MIB)
        with pytest.raises(ExhaustedError):
            second(3 * MIB)
        later.close()
        with budget.open("acme") as third:
            third(2 * MIB)


def test_a_tenant_that_fills_the_budget_leaves_the_others_their_share():
    budget = UploadBudget(4 * MIB)
    with budget.open("big") as greedy, budget.open("small") as hold:
        greedy(3 * MIB)
        hold(2 * MIB)
        with pytest.raises(ExhaustedError) as caught:
            hold(3 * MIB)
        assert f"{5 * MIB:,}" not in caught.value.message, "it shows how much others upload"
        with pytest.raises(ExhaustedError):
            greedy(4 * MIB)


def test_uploads_that_send_nothing_are_counted():
    budget = UploadBudget(3 * MIB)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(budget.open("acme"))
        with pytest.raises(ExhaustedError):
            stack.enter_context(budget.open("acme"))


def test_the_same_bytes_are_counted_once():
    budget = UploadBudget(3 * MIB)
    with budget.open("acme") as first, budget.open("acme") as second:
        for _ in range(5):
            first(2 * MIB)
        with pytest.raises(ExhaustedError):
            second(2 * MIB)
