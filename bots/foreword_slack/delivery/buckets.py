"""Token buckets: pure, with the time passed in."""

from __future__ import annotations

from datetime import datetime, timedelta


class TokenBucket:
    """Lets so many calls through a second, and a few at once after a pause.

    Args:
        rate: Calls a second.
        burst: Calls at once after a pause; at least 1.
    """

    def __init__(self, rate: float, burst: float) -> None:
        assert rate > 0
        assert burst >= 1
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._time: datetime | None = None
        self._blocked_until: datetime | None = None

    def wait(self, now: datetime) -> float:
        """How long until the next call may be made, in seconds; 0: at once."""
        self._fill(now)
        wait = max(0.0, (1.0 - self._tokens) / self._rate)
        if self._blocked_until is not None and self._blocked_until > now:
            wait = max(wait, (self._blocked_until - now).total_seconds())
        return wait

    def take(self, now: datetime) -> None:
        """Notes a call."""
        self._fill(now)
        self._tokens -= 1.0

    def earn_nothing(self, now: datetime) -> None:
        """Lets the time until now count for nothing: the last call may have arrived as late as this."""
        if self._time is None or now > self._time:
            self._time = now

    def block(self, now: datetime, seconds: float) -> None:
        """Lets nothing through for a while, and starts slowly after it: Slack said so."""
        until = now + timedelta(seconds=seconds)
        if self._blocked_until is None or until > self._blocked_until:
            self._blocked_until = until
        self._tokens = min(self._tokens, 1.0)

    def _fill(self, now: datetime) -> None:
        if self._time is not None and now > self._time:
            seconds = (now - self._time).total_seconds()
            # 1e-9: a wait of exactly as long as was asked for must not end just before its token is there.
            self._tokens = min(self._burst, self._tokens + seconds * self._rate + 1e-9)
        if self._time is None or now > self._time:
            self._time = now
