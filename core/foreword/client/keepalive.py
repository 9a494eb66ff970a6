"""Pings that find dead connections (https://grpc.io/docs/guides/keepalive/)."""

from __future__ import annotations

from foreword.domain.violations import Violations

DEFAULT_KEEPALIVE_SECONDS = 15.0
DEFAULT_KEEPALIVE_TIMEOUT_SECONDS = 10.0
"""With the seconds before the ping, a dead connection is noticed within 30 seconds."""

_LONGEST_SECONDS = 3600


def keepalive_options(keepalive_seconds: float, keepalive_timeout_seconds: float) -> list[tuple[str, int]]:
    """The options of a channel that pings, in the form that gRPC takes.

    Args:
        keepalive_seconds: Silence after which the service is pinged; 0 for never.
        keepalive_timeout_seconds: Time for the answer to a ping before the connection counts as dead.

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
        # gRPC 1.85 leaves the timeout of keepalive alone while data is written, and then waits a minute for the answer.
        ("grpc.http2.ping_timeout_ms", max(1, round(keepalive_timeout_seconds * 1000))),
        ("grpc.http2.max_pings_without_data", 0),
        # Between calls as well: a NAT keeps the connection, and a dead one is found before the next call needs it.
        ("grpc.keepalive_permit_without_calls", 1),
    ]
