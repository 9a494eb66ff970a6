"""The network for requests to receivers, which connects only to addresses that were checked."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore2


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
    """A TCP connection whose failures to begin TLS differ from failures to connect."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as above
        """Read some bytes."""
        return await self._stream.read(max_bytes, timeout)

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
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except httpcore2.ConnectError as error:
            raise TlsError(error.__cause__) from error
        except BaseException:  # at the end of the total time, nobody else would close it
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection."""
        return self._stream.get_extra_info(info)
