from __future__ import annotations

from foreword.server.callers.token_buckets import TokenBuckets


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
