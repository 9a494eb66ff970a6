"""Options of the gRPC server: message sizes and keepalive."""

from __future__ import annotations

from foreword.config import Settings
from foreword.domain.messages import MAX_REQUEST_BYTES


def server_options(settings: Settings) -> tuple[tuple[str, int], ...]:
    """The options in the form that gRPC takes.

    A dead connection is closed after `keepalive_seconds` and `keepalive_timeout_seconds`, which ends its calls and
    frees their watches. The defaults of gRPC are two hours for the former, and to disconnect clients that ping more
    often than every five minutes, although 20 seconds are usual behind load balancers
    (https://grpc.io/docs/guides/keepalive/).
    """
    return (
        # More than a request may take, so that the service itself refuses what is somewhat larger, with the remedy.
        ("grpc.max_receive_message_length", 2 * MAX_REQUEST_BYTES),
        # Two servers on one port would share it silently.
        ("grpc.so_reuseport", 0),
        ("grpc.keepalive_time_ms", _milliseconds(settings.keepalive_seconds)),
        ("grpc.keepalive_timeout_ms", _milliseconds(settings.keepalive_timeout_seconds)),
        # gRPC 1.85 leaves the timeout of keepalive alone while data is written, and then waits a minute for the answer.
        ("grpc.http2.ping_timeout_ms", _milliseconds(settings.keepalive_timeout_seconds)),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _milliseconds(settings.min_ping_seconds)),
    )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
