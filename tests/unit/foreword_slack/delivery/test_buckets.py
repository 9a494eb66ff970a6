"""Token buckets limit the rate of calls as Slack counts them."""

from datetime import UTC, datetime, timedelta

import pytest

from foreword_slack.delivery.buckets import TokenBucket

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_quiet_bucket_gives_its_burst_at_once_and_then_its_rate():
    bucket = TokenBucket(rate=2.0, burst=3.0)
    for _ in range(3):
        assert bucket.wait(at(0)) == 0
        bucket.take(at(0))
    assert bucket.wait(at(0)) == pytest.approx(0.5)
    assert bucket.wait(at(0.5)) == pytest.approx(0, abs=1e-6)


def test_a_delayed_call_is_counted_from_its_end_however_often_the_bucket_is_asked_meanwhile():
    bucket = TokenBucket(rate=1.0, burst=1.0)
    bucket.take(at(0))
    bucket.hold()
    for moment in (0.2, 0.5, 0.7):
        bucket.wait(at(moment))
    bucket.release(at(0.8))
    assert bucket.wait(at(0.8)) == pytest.approx(1.0)
    assert bucket.wait(at(1.8)) == pytest.approx(0, abs=1e-6)


def test_a_clock_that_goes_backwards_permits_no_further_call():
    bucket = TokenBucket(rate=1.0, burst=1.0)
    bucket.take(at(5))
    bucket.hold()
    bucket.release(at(2))
    assert bucket.wait(at(5.5)) == pytest.approx(0.5)


def test_a_blocked_bucket_waits_and_starts_slowly():
    bucket = TokenBucket(rate=1.0, burst=5.0)
    bucket.block(at(0), 3.0)
    assert bucket.wait(at(1)) == pytest.approx(2.0)
    bucket.take(at(3))
    assert bucket.wait(at(3)) == 0, "it has earned some while it waited"
