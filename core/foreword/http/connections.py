"""The connections of this process: how many there may be, in all and from one address.

They are counted when they are accepted, so before TLS is negotiated and before a request arrives. A connection over a
limit is accepted only to be answered with an error, and beyond a few of these, connections are closed at once.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from foreword.addresses import Network, client_id, parse_address
from foreword.errors import ExhaustedError, ForewordError, UnavailableError

MAX_CONNECTIONS: Final = 2_000
_MAX_REFUSALS: Final = 256
_MAX_REFUSALS_OF_CLIENT: Final = 16
_MAX_CLOSED_AT_ONCE: Final = 256
"""Connections that are closed in one iteration of the event loop, after which others have their turn."""


class Limit(StrEnum):
    """A limit that a connection exceeds."""

    CLIENT = "address"
    ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of a connection.

    Attributes:
        client: What identifies the client; empty for a trusted proxy.
        exceeded: The limit that the connection exceeds, which is answered with an error; None within the limits.
    """

    client: str
    exceeded: Limit | None


class Connections:
    """The open connections, on one event loop.

    Args:
        most_of_client: Maximum number of connections of an IPv4 address or an IPv6 network of 64 bits.
        trusted: Networks of proxies, which may have any number of connections within the limit of all.
        most: Maximum number of all connections.
        on_refusal: Called with the limit of each connection that is refused.

    Attributes:
        number: Number of open connections, without those that are refused.
    """

    def __init__(
        self,
        *,
        most_of_client: int,
        trusted: Sequence[Network],
        most: int,
        on_refusal: Callable[[Limit], object] = lambda _: None,
    ) -> None:
        self._most_of_client = most_of_client
        self._trusted = trusted
        self._most = most
        self._open: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._places: dict[Any, Place] = {}
        self._on_refusal = on_refusal
        self.number = 0

    def take(self, peer: Any) -> Place | None:
        """Return a place for a new connection, be it only to answer with an error; None for a connection to close.

        Args:
            peer: Address and port, as a socket names them.
        """
        client = self._client(peer)
        place = Place(client, self._exceeded(client))
        if place.exceeded is None:
            self._open[client] += 1
            self.number += 1
            return place
        self._on_refusal(place.exceeded)
        if self._refused.total() >= _MAX_REFUSALS or self._refused[client] >= _MAX_REFUSALS_OF_CLIENT:
            return None
        self._refused[client] += 1
        self._places[peer] = place
        return place

    def release(self, peer: Any, place: Place) -> None:
        """Return the place of a connection that is closed."""
        if place.exceeded is None:
            self.number -= 1
        elif self._places.get(peer) is place:
            del self._places[peer]
        counts = self._open if place.exceeded is None else self._refused
        counts[place.client] -= 1
        if not counts[place.client]:
            del counts[place.client]

    def refusal(self, peer: Any) -> ForewordError | None:
        """Return the error with which to answer a connection; None if it is within the limits."""
        place = self._places.get(peer)
        if place is None:
            return None
        if place.exceeded is Limit.CLIENT:
            return ExhaustedError(
                f"Your address has {self._most_of_client:,} connections open, which is the limit. Reuse connections, "
                "or close some. Operators set FOREWORD_HTTP_MAX_CONNECTIONS_PER_ADDRESS, and name proxies in "
                "FOREWORD_TRUSTED_PROXIES.",
                reason="TOO_MANY_CONNECTIONS",
                retry_after=timedelta(seconds=1),
            )
        return UnavailableError(
            f"{self._most:,} connections are open, which is the limit. Try again.", reason="CONNECTIONS_BUSY"
        )

    def _exceeded(self, client: str) -> Limit | None:
        if client and self._open[client] >= self._most_of_client:
            return Limit.CLIENT
        return Limit.ALL if self.number >= self._most else None

    def _client(self, peer: Any) -> str:
        """Return what identifies the client of a connection; empty for a trusted proxy."""
        address = parse_address(str(peer[0])) if isinstance(peer, tuple) and peer else None
        if address is None or any(address in network for network in self._trusted):
            return ""
        return client_id(address)


class LimitedListener(socket.socket):
    """A listening socket that accepts connections within limits.

    Args:
        listening: The socket, which is detached.
        connections: Counts the connections until they are closed.
    """

    def __init__(self, listening: socket.socket, connections: Connections) -> None:
        super().__init__(listening.family, listening.type, listening.proto, fileno=listening.detach())
        self.setblocking(False)
        self._connections = connections

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Those that are over the limits and not to be answered are closed.

        Raises:
            BlockingIOError: There is none now.
        """
        for _ in range(_MAX_CLOSED_AT_ONCE):
            descriptor, peer = self._accept()  # type: ignore[attr-defined] # as in socket.accept
            place = self._connections.take(peer)
            if place is not None:
                return _CountedConnection(self, descriptor, peer, place, self._connections), peer
            socket.close(descriptor)
        raise BlockingIOError


class _CountedConnection(socket.socket):
    def __init__(
        self, listener: socket.socket, descriptor: int, peer: Any, place: Place, connections: Connections
    ) -> None:
        super().__init__(listener.family, listener.type, listener.proto, fileno=descriptor)
        self._peer = peer
        self._place: Place | None = place
        self._connections = connections

    def close(self) -> None:
        """Close the connection, which counts no more."""
        super().close()
        place, self._place = self._place, None
        if place is not None:
            self._connections.release(self._peer, place)
