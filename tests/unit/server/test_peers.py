from __future__ import annotations

import pytest

from foreword.addresses import parse_networks
from foreword.server.calls.peers import client_of

TRUSTED = parse_networks(["10.0.0.0/8", "127.0.0.1", "::1"])


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("ipv4:192.0.2.1:40126", "192.0.2.1"),
        ("ipv6:%5B2001:db8:1:2:3::4%5D:40126", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:40126", "192.0.2.1"),
        ("unix:/run/foreword.sock", "unix:/run/foreword.sock"),
        ("ipv4:nonsense", "ipv4:nonsense"),
    ],
)
def test_a_client_is_known_by_its_address_without_the_port(peer: str, client: str):
    assert client_of(peer, "", ()) == client


def test_only_a_trusted_proxy_passes_on_the_address_of_its_client():
    assert client_of("ipv4:10.1.2.3:5", "198.51.100.7", TRUSTED) == "198.51.100.7"
    assert client_of("ipv4:192.0.2.1:5", "198.51.100.7", TRUSTED) == "192.0.2.1"


def test_addresses_that_the_client_itself_has_sent_do_not_count():
    assert client_of("ipv4:10.1.2.3:5", "203.0.113.9, 198.51.100.7", TRUSTED) == "198.51.100.7"
    assert client_of("ipv4:10.1.2.3:5", "203.0.113.9, 198.51.100.7, 10.9.9.9", TRUSTED) == "198.51.100.7"


@pytest.mark.parametrize("forwarded_for", ["", "unknown", "198.51.100.7, <script>", ",", "1.2.3.4.5"])
def test_without_a_valid_entry_the_proxy_itself_is_the_client(forwarded_for: str):
    assert client_of("ipv4:10.1.2.3:5", forwarded_for, TRUSTED) == "10.1.2.3"


def test_the_server_s_own_socket_is_trusted_and_proxies_before_it_as_far_as_they_are():
    assert client_of("unix:", "198.51.100.7", ()) == "198.51.100.7"
    assert client_of("unix:", "203.0.113.9, 198.51.100.7", ()) == "198.51.100.7"
    assert client_of("unix:", "203.0.113.9, 10.9.9.9", TRUSTED) == "203.0.113.9"
    assert client_of("unix:", "2001:db8::1", ()) == "2001:db8::/64"
    assert client_of("unix:", "", ()) == "unix:"
    assert client_of("unix:", "nonsense", ()) == "unix:"
