"""Calls written as bytes of HTTP/2, with headers that gRPC's own clients refuse to send."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

Header = tuple[bytes, bytes]

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS, _DATA, _CONTINUATION = 1, 4, 0, 9
_END_STREAM, _END_HEADERS = 1, 4
_MOST_FRAME_BYTES = 16_384


def raw_call(port: int, path: bytes, headers: Sequence[Header] = (), *, timeout_seconds: float = 10.0) -> bytes:
    """Make a unary call with an empty request, and return the bytes that come back until the call or connection ends.

    Args:
        port: Port of a server on loopback.
        path: `/package.Service/Method`.
        headers: Metadata, in any bytes.
        timeout_seconds: Time after which the answer counts as complete.
    """
    block = b"".join(
        _literal(name, value)
        for name, value in (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", path),
            (b":authority", b"test"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            *headers,
        )
    )
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_seconds) as connection:
        try:
            connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _header_frames(block))
            connection.sendall(_frame(_DATA, _END_STREAM, 1, bytes(5)))
            while b"grpc-status" not in answer and (received := connection.recv(65_536)):
                answer += received
        except OSError:
            pass  # the server has closed the connection, or does not answer
    return answer


def _header_frames(block: bytes) -> bytes:
    parts = [block[start : start + _MOST_FRAME_BYTES] for start in range(0, len(block), _MOST_FRAME_BYTES)]
    return b"".join(
        _frame(_CONTINUATION if number else _HEADERS, _END_HEADERS if number == len(parts) - 1 else 0, 1, part)
        for number, part in enumerate(parts)
    )


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    """Encode a header without compression (RFC 7541, 6.2.2)."""
    return b"\0" + _integer(len(name)) + name + _integer(len(value)) + value


def _integer(number: int) -> bytes:
    if number < 127:
        return bytes((number,))
    encoded, number = [127], number - 127
    while number >= 128:
        encoded.append(number % 128 + 128)
        number //= 128
    return bytes((*encoded, number))
