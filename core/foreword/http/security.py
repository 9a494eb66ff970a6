"""The outermost layer: the id of a request, the hosts that it may name, unexpected errors, and what is observed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from foreword.addresses import is_loopback
from foreword.errors import ForewordError, InternalError
from foreword.http.callers import new_request_id
from foreword.http.errors import RequestError
from foreword.observability.logging import get_logger
from foreword.observability.metrics.http import HttpMetrics

if TYPE_CHECKING:
    from foreword.http.traces import HttpTraces

_log = get_logger("http")

REFUSAL: Final = "refusal"
"""Key in the state of a request of the error with which its connection is refused."""
_HEADERS: Final = (("x-content-type-options", "nosniff"), ("cache-control", "no-store"))


@dataclass(slots=True, kw_only=True)
class _Answer:
    """What is known of the answer to a request.

    Attributes:
        status: Its HTTP status; 0 before it begins.
        is_stream: Whether it is sent in several parts.
        error_id: Id of the log entry of an unexpected error; empty for none.
    """

    status: int = 0
    is_stream: bool = False
    error_id: str = ""


class Guard:
    """The layer around all interfaces.

    Args:
        app: The interfaces.
        allowed_hosts: Names by which the service is reached, without ports. Loopback is always allowed. Empty on a
            public address: any name.
        public: Whether other machines reach this one.
        access_log: Whether to log every request.
        render: Returns the response for an error.
        metrics: Counts the requests; None to count none.
        traces: Records a span of each request; None to record none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Collection[str],
        public: bool,
        access_log: bool,
        render: Callable[[Request, Exception], Response],
        metrics: HttpMetrics | None = None,
        traces: HttpTraces | None = None,
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._any_host = public and not self._hosts
        self._access_log = access_log
        self._render = render
        self._metrics = metrics
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        request = Request(scope)
        request.state.request_id = new_request_id(request.headers.get("x-request-id", ""))
        request.state.until_answered = held = ExitStack()
        answer = _Answer()
        with self._traces.request(request) if self._traces is not None else nullcontext() as span:
            try:
                await self._answer(request, receive, send, answer, began)
            finally:
                held.close()
                route = getattr(scope.get("route"), "path", "")  # never the path itself, which may hold anything
                facts: dict[str, Any] = {"method": scope["method"][:10], "route": route, "status": answer.status}
                seconds = time.monotonic() - began
                if answer.is_stream and self._metrics is not None:
                    self._metrics.stream_ended()
                if self._metrics is not None:
                    self._metrics.ended(**facts, seconds=seconds)
                if span is not None and self._traces is not None:
                    self._traces.answered(span, **facts, error_id=answer.error_id)
                if self._access_log:
                    _log.info("request", **facts, seconds=round(seconds, 4), request_id=request.state.request_id)

    async def _answer(self, request: Request, receive: Receive, send: Send, answer: _Answer, began: float) -> None:
        scope = request.scope
        refusal: ForewordError | None = scope.get("state", {}).get(REFUSAL)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request.state.request_id
                headers["openai-processing-ms"] = str(round(1000 * (time.monotonic() - began)))
                for name, value in _HEADERS:
                    headers.setdefault(name, value)
                if refusal is not None:
                    headers["connection"] = "close"
            elif message.get("more_body") and not answer.is_stream:
                answer.is_stream = True
                if self._metrics is not None:
                    self._metrics.stream_begun()
            await send(message)

        try:
            if refusal is not None:
                raise refusal
            if not self._allows(request.headers.getlist("host")):
                raise _wrong_host()
            await self._app(scope, receive, marked)
        except (RequestError, ForewordError) as error:
            await self._render(request, error)(scope, receive, marked)
        except Exception:
            answer.error_id = secrets.token_hex(8)
            _log.exception("request_failed", error_id=answer.error_id, request_id=request.state.request_id)
            if not answer.status:
                message = f"Internal error {answer.error_id}. The log of `foreword http` has an entry with this id."
                fault = InternalError(message, metadata={"error_id": answer.error_id})
                await self._render(request, fault)(scope, receive, marked)

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
