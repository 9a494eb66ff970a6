"""A port for a server whose settings must name one before it starts."""

from __future__ import annotations

import random
import socket

_FIRST = 15_000
_LAST = 30_000
"""Below the ports that Linux gives to outgoing connections and to servers that listen on port 0."""


def free_port() -> int:
    """Return a port that is currently free, and that no connection of another process takes by chance."""
    chance = random.Random()  # not the global generator, which a test may have seeded
    while True:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port := chance.randint(_FIRST, _LAST)))
            except OSError:
                continue
        return port
