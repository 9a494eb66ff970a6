"""Addresses that never leave this machine."""

from __future__ import annotations

import ipaddress


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
