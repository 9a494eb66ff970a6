"""The outermost layer: the id of a request, the hosts that it may name, unexpected errors and the access log."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foreword.addresses import is_loopback
from foreword.errors import InternalError
from foreword.http.callers import new_request_id
from foreword.http.errors import RequestError
from foreword.observability.logging import get_logger

_log = get_logger("http")

_HEADERS: Final = (("x-content-type-options", "nosniff"), ("cache-control", "no-store"))


class Guard:
    """The layer around all interfaces.

    Args:
        app: The interfaces.
        allowed_hosts: Names by which the service is reached, without ports. Loopback is always allowed. Empty on a
            public address: any name.
        public: Whether other machines reach this one.
        access_log: Whether to log every request.
        render: Returns the response for an error.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Collection[str],
        public: bool,
        access_log: bool,
        render: Callable[[Exception], Response],
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._any_host = public and not self._hosts
        self._access_log = access_log
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        request = Request(scope)
        request.state.request_id = new_request_id(request.headers.get("x-request-id", ""))
        status = 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request.state.request_id
                headers["openai-processing-ms"] = str(round(1000 * (time.monotonic() - began)))
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
            await send(message)

        try:
            if not self._allows(request.headers.getlist("host")):
                raise _wrong_host()
            await self._app(scope, receive, marked)
        except RequestError as error:
            await self._render(error)(scope, receive, marked)
        except Exception:
            error_id = secrets.token_hex(8)
            _log.exception("request_failed", error_id=error_id, request_id=request.state.request_id)
            if not status:
                message = f"Internal error {error_id}. The log of `foreword http` has an entry with this id."
                fault = InternalError(message, metadata={"error_id": error_id})
                await self._render(fault)(scope, receive, marked)
        finally:
            if self._access_log:
                route = scope.get("route")
                _log.info(
                    "request",
                    method=scope["method"][:10],
                    route=getattr(route, "path", ""),  # never the path itself, which may hold anything
                    status=status,
                    seconds=round(time.monotonic() - began, 4),
                    request_id=request.state.request_id,
                )

    def _allows(self, hosts: list[str]) -> bool:
        """Return whether a request names a host of this service.

        A page of another site cannot, even if its DNS sends the browser here.
        """
        if len(hosts) != 1:
            return False
        if self._any_host:
            return True
        name = hosts[0].strip().lower()
        host = name.rpartition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
        return is_loopback(host) or host.removesuffix(".") in self._hosts


def _wrong_host() -> RequestError:
    return RequestError(
        "The header Host does not name this service. Use its address, or add the name to FOREWORD_HTTP_ALLOWED_HOSTS.",
        status=421,
        reason="HOST_NOT_ALLOWED",
    )
