"""Addresses that webhooks may reach: public ones, and those in the networks that the operator allows.

Tenants choose the URLs. Without this check they could make the server call what only the server can reach: its own
ports, databases, or the metadata service of a cloud, which hands out credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry, and the reserved and multicast blocks. Written out,
# because what `is_global` returns differs between the versions of Python.
_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # the metadata service of Azure
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# https://www.iana.org/assignments/iana-ipv6-special-registry: within the global unicast addresses.
_GLOBAL_6: Final = IPv6Network("2000::/3")
_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, among them Teredo, whose addresses contain an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, whose addresses contain an IPv4 address
        "3fff::/20",
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")


def is_allowed(address: Address, networks: Sequence[Network] = ()) -> bool:
    """Return whether webhooks may reach an address.

    Args:
        networks: Networks that are allowed although they are not public.
    """
    reached = _reached(address)
    if any(item in network for network in networks for item in (address, reached)):
        return True
    if isinstance(reached, IPv4Address):
        return not any(reached in network for network in _NOT_PUBLIC_4)
    return reached in _GLOBAL_6 and not any(reached in network for network in _NOT_PUBLIC_6)


def parse_address(text: str) -> Address | None:
    """Return an address in its usual form; None if the text is not one, such as a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Parse addresses and networks."""
    return tuple(ip_network(text) for text in texts)


def _reached(address: Address) -> Address:
    """Return the IPv4 address that is reached by an IPv6 address which stands for one, or else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
