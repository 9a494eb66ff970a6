"""Places of connections."""

from __future__ import annotations

import pytest

from foreword.addresses import parse_networks
from foreword.http.connections import Connections, Limit


def connections(most_of_client: int = 2, trusted: tuple[str, ...] = (), most: int = 100) -> Connections:
    return Connections(most_of_client=most_of_client, trusted=parse_networks(trusted), most=most)


def test_a_place_that_is_released_can_be_taken_again():
    places = connections(most_of_client=1)
    first = places.take(("192.0.2.1", 1))
    assert places.take(("192.0.2.1", 2)).exceeded is Limit.CLIENT

    places.release(("192.0.2.1", 1), first)

    assert places.take(("192.0.2.1", 3)).exceeded is None
    assert places.number == 1


def test_an_ipv6_network_counts_as_one_client_and_an_address_in_another_form_as_the_same():
    places = connections(most_of_client=1)
    for first, same, other in (
        ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
    ):
        assert places.take((first, 1, 0, 0)).exceeded is None
        assert places.take((same, 1, 0, 0)).exceeded is Limit.CLIENT
        assert places.take((other, 1, 0, 0)).exceeded is None


def test_a_trusted_proxy_is_exempt_from_the_limit_of_its_address_only():
    places = connections(most_of_client=1, trusted=("10.0.0.0/8",), most=3)
    taken = [places.take(("10.1.2.3", port)).exceeded for port in range(4)]
    assert taken == [None, None, None, Limit.ALL]


@pytest.mark.parametrize("clients", [1, 1_000])
def test_few_connections_are_kept_only_to_be_refused(clients: int):
    places = connections(most_of_client=1, most=1)
    places.take(("192.0.2.1", 0))

    kept = [
        places.take((f"198.51.{number % clients // 250}.{number % clients % 250}", number)) for number in range(2_000)
    ]

    refused = [place for place in kept if place is not None]
    assert len(refused) == (16 if clients == 1 else 256)
    assert places.number == 1
    for number, place in enumerate(kept):
        if place is not None:
            places.release((f"198.51.{number % clients // 250}.{number % clients % 250}", number), place)
    assert places.take(("198.51.0.0", 9_999)) is not None
