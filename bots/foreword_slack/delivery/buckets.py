"""Token buckets without a clock: the caller passes the time."""

from __future__ import annotations

from datetime import datetime, timedelta


class TokenBucket:
    """A rate limiter that permits a number of calls per second, and a burst after a pause.

    Args:
        rate: Calls per second.
        burst: Number of calls at once after a pause; at least 1.
    """

    def __init__(self, rate: float, burst: float) -> None:
        assert rate > 0
        assert burst >= 1
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._time: datetime | None = None
        self._held = 0
        self._blocked_until: datetime | None = None

    def wait(self, now: datetime) -> float:
        """Return the seconds until the next call is permitted; 0 means at once."""
        self._fill(now)
        wait = max(0.0, (1.0 - self._tokens) / self._rate)
        if self._blocked_until is not None and self._blocked_until > now:
            wait = max(wait, (self._blocked_until - now).total_seconds())
        return wait

    def permitted(self, now: datetime) -> int:
        """Return the number of calls that are permitted at once."""
        return 0 if self.wait(now) > 0 else int(self._tokens)

    def take(self, now: datetime) -> None:
        """Record a call."""
        self._fill(now)
        self._tokens -= 1.0

    def hold(self) -> None:
        """Earn no tokens until `release`: Slack counts a call when it arrives, which may be at the end of its wait."""
        self._held += 1

    def release(self, now: datetime) -> None:
        """End a `hold`, and earn tokens from now on."""
        self._fill(now)
        self._held -= 1

    def block(self, now: datetime, seconds: float) -> None:
        """Permit no call for a while, and no burst after it, because Slack limited the rate."""
        until = now + timedelta(seconds=seconds)
        if self._blocked_until is None or until > self._blocked_until:
            self._blocked_until = until
        self._tokens = min(self._tokens, 1.0)

    def _fill(self, now: datetime) -> None:
        if self._time is not None and now > self._time and not self._held:
            seconds = (now - self._time).total_seconds()
            # 1e-9: after a wait of exactly the returned length, rounding must not leave the token incomplete.
            self._tokens = min(self._burst, self._tokens + seconds * self._rate + 1e-9)
        if self._time is None or now > self._time:
            self._time = now
