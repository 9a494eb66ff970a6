"""Addresses of clients, also behind trusted proxies."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from foreword.addresses import Address, Network, client_id, parse_address

FORWARDED_FOR = "x-forwarded-for"
"""Metadata in which a proxy passes on the address of its client."""


def client_of(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return what identifies the client of a call: its IPv4 address, the network of its IPv6 address, or the peer.

    Args:
        peer: The peer as gRPC names it, such as `ipv4:192.0.2.1:40126`. A peer at the server's Unix socket is trusted:
            only processes of the server's own user can open it.
        forwarded_for: Addresses from the metadata, separated by commas; each proxy appends the one of its client. They
            count only as far as they were added by trusted proxies.
        trusted: Networks of trusted proxies.
    """
    address = _address(peer, forwarded_for, trusted)
    return peer if address is None else client_id(address)


def address_of(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Return the whole address of the client of a call, or the peer. The arguments are those of `client_of`."""
    address = _address(peer, forwarded_for, trusted)
    return peer if address is None else str(address)


def _address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> Address | None:
    kind, _, rest = peer.partition(":")
    address = parse_address(unquote(rest).rpartition(":")[0]) if kind in ("ipv4", "ipv6") else None
    if address is None and kind != "unix":
        return None
    for text in reversed(forwarded_for.split(",")):
        if address is not None and not any(address in network for network in trusted):
            break
        previous = parse_address(text)
        if previous is None:
            break
        address = previous
    return address
