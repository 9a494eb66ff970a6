"""Addresses of clients."""

from __future__ import annotations

from urllib.parse import unquote


def address_of(peer: str) -> str:
    """Return the address of a gRPC peer, such as `192.0.2.1` of `ipv4:192.0.2.1:40126`, without the port.

    The address of a Unix socket is its whole name.
    """
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return unquote(rest).rpartition(":")[0].strip("[]")
