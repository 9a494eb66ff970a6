"""The HTTP client that sends events: to checked addresses only, within strict limits, without following redirects."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import httpcore2

from foreword import __version__
from foreword.domain.webhook import Attempt, DeliveryProblem
from foreword.errors import InvalidArgumentError
from foreword.server.webhooks.addresses import is_allowed, parse_address
from foreword.server.webhooks.checked_network import CheckedAddresses, TlsError
from foreword.server.webhooks.signature import signed_headers
from foreword.server.webhooks.target import Target, WebhookRules, parse_target
from foreword.turns.turn_pool import TurnPool

RESOLVE_COST: Final = 0.05
"""Estimated time of resolving a name, in seconds; a tenant pays for the measured time."""
_MOST_ADDRESSES: Final = 4
_MOST_BODY_BYTES: Final = 16_384

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a name. Blocks. Raises OSError if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """Limits of an attempt, in seconds.

    Attributes:
        resolve: Time to find the addresses of the receiver.
        connect: Time to connect to an address, and for the handshake of TLS.
        read: Time without a byte of the answer, or in which no more of the event can be written.
        total: Time from the connection to the status of the answer.
        body: Time to read the rest of the answer, which has no effect on the outcome.
    """

    resolve: float = 10.0
    connect: float = 5.0
    read: float = 10.0
    total: float = 15.0
    body: float = 1.0

    @property
    def longest(self) -> float:
        """Longest time of an attempt."""
        return self.resolve + self.total + self.body


class ReceiverClient:
    """A client that posts signed events.

    The address that is checked is the address that is connected to, so that a name which changes its address in between
    (DNS rebinding) gains nothing. TLS and the header `Host` have the name. Each attempt has a connection of its own.

    Args:
        resolving: Runs the look-ups of names, which may block for long. Tenants take turns.
        rules: What the operator allows; it may have changed since a webhook was created.
        proxy: URL of a proxy, which resolves and checks the names; empty for none.
        resolve: Resolves names. Default: the system's resolver.
        ssl_context: Default: that of Python, with the certificates of the system or of SSL_CERT_FILE.
        now: Returns the wall-clock time, for timestamps and `Retry-After`.
    """

    def __init__(
        self,
        *,
        resolving: TurnPool,
        rules: WebhookRules,
        proxy: str = "",
        limits: ClientLimits | None = None,
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._resolving = resolving
        self._rules = rules
        self._proxy = proxy
        self.limits = limits or ClientLimits()
        self._resolve = resolve or _system_addresses
        self._ssl_context = ssl_context
        self._now = now

    async def post(self, tenant: str, url: str, *, id: str, payload: str, secrets: Sequence[str]) -> Attempt:
        """Post an event, and return how it ended.

        Args:
            tenant: Id of the tenant whose webhook it is.
            id: Id of the event.
            secrets: Secrets to sign it with.

        Raises:
            ExhaustedError: Too many look-ups of names wait. There was no attempt.
            UnavailableError: The service stops. There was no attempt.
        """
        begin = time.monotonic()
        try:
            target = parse_target(url, self._rules)
            addresses = await self._addresses(tenant, target)
            status, headers = await self._exchange(target, addresses, id, payload, secrets)
        except Exception as error:
            problem, detail = _judged(error)
            return Attempt(problem=problem, detail=detail, seconds=time.monotonic() - begin)
        return Attempt(
            problem=None if 200 <= status < 300 else DeliveryProblem.BAD_STATUS,
            status=status,
            seconds=time.monotonic() - begin,
            retry_after=_retry_after(headers, self._now()),
        )

    async def _addresses(self, tenant: str, target: Target) -> Sequence[str]:
        """Return the addresses to connect to, all of them allowed; none if the proxy finds them."""
        if self._proxy:
            return ()
        address = parse_address(target.host)
        if address is not None:
            found = [target.host]
        else:
            try:
                async with asyncio.timeout(self.limits.resolve):
                    names = self._resolving.run(tenant, RESOLVE_COST, self._resolve, target.host, target.port)
                    found = list(dict.fromkeys(await names))
            except TimeoutError:
                raise _NameNotFoundError("the resolver did not answer in time") from None
            except OSError:
                raise _NameNotFoundError from None
        parsed = [parse_address(text) for text in found]
        # One refused address is enough: a name that mixes them would reach it in one of many attempts.
        if not parsed or any(item is None or not is_allowed(item, self._rules.networks) for item in parsed):
            raise _AddressRefusedError
        return found[:_MOST_ADDRESSES]

    async def _exchange(
        self, target: Target, addresses: Sequence[str], id: str, payload: str, secrets: Sequence[str]
    ) -> tuple[int, Mapping[str, str]]:
        """Send an event and return status and headers of the answer."""
        limits, body = self.limits, payload.encode()
        headers = {
            "Host": target.authority,
            "User-Agent": f"Foreword/{__version__}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **signed_headers(id, payload, secrets, self._now()),
        }
        timeouts = {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": limits.total}
        request = httpcore2.Request(
            "POST",
            httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=list(headers.items()),
            content=body,
            extensions={"timeout": timeouts},
        )
        sender = await self._sender(target, addresses)
        try:
            async with asyncio.timeout(limits.total):
                response = await sender.handle_async_request(request)
            with suppress(Exception):  # the status has decided
                async with asyncio.timeout(limits.body):
                    await _read_some(response)
        finally:
            await sender.aclose()
        return response.status, {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }

    async def _sender(
        self, target: Target, addresses: Sequence[str]
    ) -> httpcore2.AsyncHTTPConnection | httpcore2.AsyncHTTPProxy:
        if self._ssl_context is None and target.scheme == "https":
            self._ssl_context = await asyncio.to_thread(ssl.create_default_context)  # it reads many certificates
        if self._proxy:
            parts = urlsplit(self._proxy)
            login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
            return httpcore2.AsyncHTTPProxy(
                httpcore2.URL(scheme="http", host=parts.hostname or "", port=parts.port, target="/"),
                proxy_auth=login,
                ssl_context=self._ssl_context,
                network_backend=CheckedAddresses([parts.hostname or ""]),
            )
        return httpcore2.AsyncHTTPConnection(
            origin=httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target="/").origin,
            ssl_context=self._ssl_context,
            network_backend=CheckedAddresses(addresses),
        )


class _NameNotFoundError(Exception):
    """The name of the receiver has no address."""


class _AddressRefusedError(Exception):
    """The receiver has an address that webhooks may not reach."""


def _judged(error: Exception) -> tuple[DeliveryProblem, str]:
    """Return the problem that an exception stands for, and its detail."""
    match error:
        case _NameNotFoundError():
            return DeliveryProblem.NAME_NOT_FOUND, str(error)
        case _AddressRefusedError():
            return DeliveryProblem.ADDRESS_REFUSED, ""
        case InvalidArgumentError():
            return DeliveryProblem.ADDRESS_REFUSED, "the operator of the service no longer allows this URL"
        case TlsError(detail=detail):
            return DeliveryProblem.TLS_FAILED, detail
        case TimeoutError() | httpcore2.TimeoutException():
            return DeliveryProblem.TIMED_OUT, ""
        case httpcore2.ProxyError():
            return DeliveryProblem.NOT_CONNECTED, "the proxy of the service refused"
        case httpcore2.ConnectError():
            return DeliveryProblem.NOT_CONNECTED, ""
        case httpcore2.RemoteProtocolError() if "without sending a response" not in str(error):
            return DeliveryProblem.INVALID_ANSWER, ""
        case httpcore2.NetworkError() | httpcore2.RemoteProtocolError():
            return DeliveryProblem.CONNECTION_LOST, ""
    raise error


async def _read_some(response: httpcore2.Response) -> None:
    """Read the rest of an answer, so that the receiver is not cut off while it writes, unless it is a long one."""
    size = 0
    async with aclosing(response.aiter_stream()) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if size > _MOST_BODY_BYTES:
                break


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the time to wait that an answer asks for (RFC 9110, section 10.2.3); None if it asks for none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(), moment - now) if moment.tzinfo is not None else None


def _system_addresses(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(item[4][0]) for item in found]
