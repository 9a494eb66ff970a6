"""Options of the gRPC server: message sizes and keepalive."""

from __future__ import annotations

from foreword.config import Settings
from foreword.domain.messages import MAX_REQUEST_BYTES


def server_options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """Return the options in gRPC's format.

    A dead connection is closed after the sum of `keepalive_seconds` and `keepalive_timeout_seconds`, which ends its
    calls and frees their watches. By default, gRPC waits for two hours and disconnects clients that ping more often
    than every five minutes, although 20 seconds are usual behind load balancers
    (https://grpc.io/docs/guides/keepalive/).
    """
    return (
        # More than the limit of a request, so that the service itself can reject larger ones with a remedy.
        ("grpc.max_receive_message_length", 2 * MAX_REQUEST_BYTES),
        # Otherwise, two servers could silently share one port.
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", _milliseconds(settings.keepalive_seconds)),
        ("grpc.keepalive_timeout_ms", _milliseconds(settings.keepalive_timeout_seconds)),
        # gRPC 1.85 ignores the keepalive timeout while data is being written, and then waits a minute for the answer.
        ("grpc.http2.ping_timeout_ms", _milliseconds(settings.keepalive_timeout_seconds)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(settings.min_ping_seconds)),
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
