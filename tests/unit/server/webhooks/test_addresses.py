"""Addresses that webhooks may not reach, however they are written."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.server.webhooks.addresses import is_allowed, parse_address, parse_networks

REFUSED = {
    "this machine": "127.0.0.1",
    "this machine by another address": "127.255.255.254",
    "any address": "0.0.0.0",
    "this network": "0.1.2.3",
    "private class A": "10.1.2.3",
    "private class B": "172.31.255.255",
    "private class C": "192.168.1.1",
    "link-local, the metadata of most clouds": "169.254.169.254",
    "the tasks of ECS": "169.254.170.2",
    "carrier-grade NAT, the metadata of Alibaba": "100.100.100.200",
    "the metadata of Azure": "168.63.129.16",
    "the metadata of Oracle": "192.0.0.192",
    "benchmarks": "198.18.0.1",
    "documentation": "203.0.113.9",
    "relays of 6to4": "192.88.99.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "this machine in IPv6": "::1",
    "any address in IPv6": "::",
    "IPv4-mapped": "::ffff:127.0.0.1",
    "IPv4-mapped in hexadecimal": "::ffff:a9fe:a9fe",
    "IPv4-compatible": "::127.0.0.1",
    "NAT64": "64:ff9b::7f00:1",
    "local NAT64": "64:ff9b:1::a00:1",
    "6to4": "2002:7f00:1::",
    "Teredo": "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "ORCHID": "2001:20::1",
    "unique local, the metadata of EC2": "fd00:ec2::254",
    "link-local in IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast in IPv6": "ff02::1",
    "discard": "100::1",
    "documentation in IPv6": "2001:db8::1",
    "new documentation in IPv6": "3fff::1",
    "segment routing": "5f00::1",
}
ALLOWED = ("93.184.215.14", "1.1.1.1", "172.32.0.1", "2606:4700::6810:84e5", "::ffff:1.1.1.1", "64:ff9b::101:101")


@pytest.mark.parametrize("kind", REFUSED)
def test_an_address_that_is_not_public_is_refused(kind: str):
    address = parse_address(REFUSED[kind])
    assert address is not None

    assert not is_allowed(address)


@pytest.mark.parametrize("text", ALLOWED)
def test_a_public_address_is_allowed(text: str):
    assert is_allowed(ip_address(text))


@given(st.ip_addresses())
def test_python_knows_no_private_address_that_is_allowed(address):
    private = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if private or address.is_reserved or address.is_unspecified:
        mapped = getattr(address, "ipv4_mapped", None)
        nat64 = address in ip_network("64:ff9b::/96")  # reserved in Python, but it stands for an IPv4 address
        assert not is_allowed(address) or mapped is not None or nat64


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_all_of_its_forms(address):
    mapped, nat64 = ip_address(f"::ffff:{address}"), ip_address(f"64:ff9b::{address}")

    assert is_allowed(mapped) == is_allowed(nat64) == is_allowed(address)


def test_the_operator_can_allow_networks():
    networks = parse_networks(["10.1.0.0/16", "fd00::/8", "127.0.0.1"])

    assert is_allowed(ip_address("10.1.2.3"), networks)
    assert is_allowed(ip_address("::ffff:10.1.2.3"), networks)
    assert is_allowed(ip_address("fd12::1"), networks)
    assert is_allowed(ip_address("127.0.0.1"), networks)
    assert not is_allowed(ip_address("127.0.0.2"), networks)
    assert not is_allowed(ip_address("10.2.0.1"), networks)
