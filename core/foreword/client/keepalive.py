"""Pings that find dead connections (https://grpc.io/docs/guides/keepalive/)."""

from __future__ import annotations

from foreword.domain.violations import Violations

DEFAULT_KEEPALIVE_SECONDS = 15.0
DEFAULT_KEEPALIVE_TIMEOUT_SECONDS = 10.0
"""Together with the seconds before a ping, a dead connection is detected within 30 seconds."""

_LONGEST_SECONDS = 3600


def keepalive_options(keepalive_seconds: float, keepalive_timeout_seconds: float) -> list[tuple[str, int]]:
    """Return the keepalive options of a channel in the form that gRPC accepts.

    Args:
        keepalive_seconds: Silence after which the service is pinged; 0 to disable pings.
        keepalive_timeout_seconds: Time without an answer to a ping after which the connection counts as dead.

    Raises:
        InvalidArgumentError: A time is out of range.
    """
    violations = Violations()
    if not 0 <= keepalive_seconds <= _LONGEST_SECONDS:
        problem = f"must be in [0, {_LONGEST_SECONDS}], not {keepalive_seconds!r}; 0 sends no pings"
        violations.add("keepalive_seconds", problem)
    if not 0 < keepalive_timeout_seconds <= _LONGEST_SECONDS:
        problem = f"must be in (0, {_LONGEST_SECONDS}], not {keepalive_timeout_seconds!r}"
        violations.add("keepalive_timeout_seconds", problem)
    violations.check()
    if keepalive_seconds == 0:
        return []
    return [
        ("grpc.keepalive_time_ms", max(1, round(keepalive_seconds * 1000))),
        ("grpc.keepalive_timeout_ms", max(1, round(keepalive_timeout_seconds * 1000))),
        # gRPC 1.85 ignores the keepalive timeout while data is written, and then waits a minute for the answer.
        ("grpc.http2.ping_timeout_ms", max(1, round(keepalive_timeout_seconds * 1000))),
        ("grpc.http2.max_pings_without_data", 0),
        # Also between calls: a NAT keeps the connection, and a dead one is detected before the next call needs it.
        ("grpc.keepalive_permit_without_calls", 1),
    ]
