from __future__ import annotations

from foreword.server.callers.token_buckets import DebtBuckets, TokenBuckets


def test_a_full_bucket_gives_its_capacity_and_then_what_flows_in():
    buckets = TokenBuckets(per_second=2, capacity=3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert buckets.wait_seconds("a", 0.0) == 0.5
    assert buckets.take("a", 0.5)
    assert not buckets.take("a", 0.6)
    assert [buckets.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_each_key_has_a_bucket_of_its_own_and_their_number_is_bounded():
    buckets = TokenBuckets(per_second=1, capacity=1)
    assert buckets.take("a", 0.0)
    assert not buckets.take("a", 0.0)
    for number in range(10_001):
        assert buckets.take(f"other{number}", 0.0)
    assert len(buckets._buckets) == 10_000


def test_more_can_be_taken_than_a_bucket_holds_and_the_debt_is_waited_for():
    buckets = DebtBuckets()
    assert buckets.wait_seconds("a", 10, 0.0) == 0
    buckets.take("a", 9, 10, 0.0)
    assert buckets.wait_seconds("a", 10, 0.0) == 0
    buckets.take("a", 30, 10, 0.0)
    assert buckets.wait_seconds("a", 10, 0.0) == 3.0
    assert buckets.full_seconds("a", 10, 0.0) == 3.9
    assert buckets.wait_seconds("a", 10, 3.0) == 0
    assert buckets.wait_seconds("b", 10, 0.0) == 0


def test_a_rate_below_one_and_a_rate_that_changes_are_kept():
    buckets = DebtBuckets()
    buckets.take("a", 1, 0.5, 0.0)
    assert buckets.wait_seconds("a", 0.5, 0.0) == 2.0
    assert buckets.wait_seconds("a", 0.5, 2.0) == 0
    assert buckets.wait_seconds("a", 0.25, 0.0) == 4.0
    buckets.forget("a")
    assert buckets.keys == frozenset()
