"""The network for requests to receivers: it connects only to addresses that were checked, and reads only a little."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore2

_PART_BYTES: Final = 2_048
"""Largest part of an answer that is read at once. A part may be hundreds of chunks or of informational answers, which
are parsed without a pause: a millisecond or a few, in which the server does nothing else."""
_MOST_BYTES: Final = 65_536
"""Maximum size of what is read of an answer, head and body together."""


class TlsError(Exception):
    """The receiver's certificate is not valid for its name, or it does not speak TLS.

    Attributes:
        detail: The verdict of OpenSSL on the certificate, such as `certificate has expired`; may be empty.
    """

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__()
        self.detail = cause.verify_message[:200] if isinstance(cause, ssl.SSLCertVerificationError) else ""


class CheckedAddresses(httpcore2.AsyncNetworkBackend):
    """A backend that connects only to addresses that were checked, one after the other, whatever the name is."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._backend = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that accepts."""
        failure: Exception = httpcore2.ConnectError()
        for address in self._addresses:
            try:
                return _Connected(await self._backend.connect_tcp(address, port, timeout))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


class _Connected(httpcore2.AsyncNetworkStream):
    """A connection that is read in small parts, and whose failures to begin TLS differ from failures to connect."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = _MOST_BYTES

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """Read some bytes."""
        if self._left <= 0:
            raise httpcore2.RemoteProtocolError("the answer is too long")
        await asyncio.sleep(0)  # what has arrived already is read without waiting
        part = await self._stream.read(min(max_bytes, _PART_BYTES, self._left), timeout)
        self._left -= len(part)
        return part

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as above
        """Write all bytes."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> httpcore2.AsyncNetworkStream:
        """Begin TLS."""
        try:
            return _Connected(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except httpcore2.ConnectError as error:
            raise TlsError(error.__cause__) from error
        except BaseException:  # at the end of the total time, nobody else would close it
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection."""
        return self._stream.get_extra_info(info)
