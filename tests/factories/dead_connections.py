"""A TCP forwarder on loopback whose connections can die silently, as after a NAT or firewall drops them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Forwarder:
    """A forwarder of connections to a port of this machine.

    Attributes:
        endpoint: Host and port that clients connect to.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._generation = 0
        self.endpoint = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def kill_connections(self) -> None:
        """Drop every further byte of the present connections, which stay open; new ones work."""
        self._generation += 1

    def close(self) -> None:
        """Close all connections, and refuse new ones."""
        for opened in (self._listener, *self._sockets):
            with suppress(OSError):  # it is closed already
                opened.shutdown(socket.SHUT_RDWR)  # wakes the threads, which keep it open until then
            opened.close()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                return
            self._sockets += [inner, outer]
            for source, target in ((inner, outer), (outer, inner)):
                arguments = (source, target, self._generation)
                threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, generation: int) -> None:
        try:
            while data := source.recv(65536):
                if generation == self._generation:
                    target.sendall(data)
            if generation == self._generation:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the other side is closed already


@contextmanager
def forwarding(port: int) -> Iterator[Forwarder]:
    """Run a forwarder until the block ends."""
    forwarder = Forwarder(port)
    try:
        yield forwarder
    finally:
        forwarder.close()
