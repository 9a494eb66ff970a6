"""Addresses of callers and networks of proxies, and which addresses never leave this machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_IPV6_PREFIX: Final = 64
"""Bits of an IPv6 address that identify a client; the others are its own choice."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can be reached at a host: `localhost`, 127.0.0.0/8 or ::1.

    Args:
        host: A name or an IP address without a port; IPv6 with or without brackets.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    # ::ffff:127.0.0.1 is 127.0.0.1, which Python before 3.13 does not count as loopback.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Parse addresses and networks, such as `192.0.2.1` and `2001:db8::/32`.

    Raises:
        ValueError: A text is neither an address nor a network.
    """
    return tuple(ipaddress.ip_network(text) for text in texts)


def parse_address(text: str) -> Address | None:
    """Return an address, which may be in brackets or have a zone; None if the text is none.

    An IPv4 address in the form of IPv6 is returned as IPv4.
    """
    try:
        address: Address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def client_id(address: Address) -> str:
    """Return what identifies the client with an address: an IPv4 address itself, and the network of an IPv6 address."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
