"""Interceptor that runs layers around the servicer method of every RPC.

Health and reflection have no layers, because probes and grpcurl send no key.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from foreword.domain.messages import MAX_OTHER_REQUEST_BYTES, MAX_REQUEST_BYTES
from foreword.errors import ForewordError
from foreword.personal_data import holds_email
from foreword.redaction import redact
from foreword.server.calls.call_record import CallRecord, keep_record
from foreword.server.calls.message_coding import MessageCoder
from foreword.server.calls.peers import FORWARDED_FOR
from foreword.server.calls.status import status_of, trailing_metadata
from foreword.server.calls.unforeseen import request_fault

_PREFIX = "/foreword.v1."
_INFERENCE = "/foreword.v1.InferenceService/"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A running RPC.

    Attributes:
        method: `/foreword.v1.Service/Method`.
        metadata: Metadata of the client by lower-case key; the first value of each,
            but all of `x-forwarded-for`, separated by commas.
        record: Facts for the access log.
    """

    method: str
    metadata: Mapping[str, str]
    context: grpc.aio.ServicerContext[Any, Any]
    record: CallRecord = field(default_factory=CallRecord)


Layer = Callable[[Call], AbstractAsyncContextManager[None]]
"""A context manager that runs around a servicer method, in the task of its RPC."""


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """An interceptor that wraps every method of the service with layers, the first one outermost.

    Args:
        coder: Parses the requests and serialises the responses.
        limit: Returns what the caller may see of the answer to an RPC without a stream of answers.
    """

    def __init__(
        self, layers: Sequence[Layer], coder: MessageCoder, limit: Callable[[Any], Any] = lambda answer: answer
    ) -> None:
        self._layers = tuple(layers)
        self._coder = coder
        self._limit = limit

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Wrap the handler of an RPC."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or not method.startswith(_PREFIX):
            return handler
        metadata: dict[str, str] = {}
        for key, value in handler_call_details.invocation_metadata:
            if isinstance(value, str):
                if key == FORWARDED_FOR and key in metadata:
                    metadata[key] += f",{value}"  # each proxy may append an entry instead of changing the first
                else:
                    metadata.setdefault(key, value)

        def around(context: grpc.aio.ServicerContext[Any, Any]) -> AbstractAsyncContextManager[None]:
            return self._around(Call(method=method, metadata=metadata, context=context))

        wrapped: grpc.RpcMethodHandler[Any, Any] = _wrap(
            handler, around, self._coder, _max_request_bytes(method), self._limit
        )
        return wrapped

    @asynccontextmanager
    async def _around(self, call: Call) -> AsyncIterator[None]:
        call.record.method = call.method
        keep_record(call.record)
        async with _entered(self._layers, call):
            yield


@asynccontextmanager
async def _entered(layers: Sequence[Layer], call: Call) -> AsyncIterator[None]:
    """Enter layers, the first one outermost. An AsyncExitStack would keep each error alive; see `_abort`."""
    if not layers:
        yield
        return
    async with layers[0](call), _entered(layers[1:], call):
        yield


def _wrap(
    handler: Any,
    around: Callable[[Any], AbstractAsyncContextManager[None]],
    coder: MessageCoder,
    max_bytes: int,
    limit: Callable[[Any], Any],
) -> Any:
    """Return a handler that enters `around` in the task of each RPC.

    Requests are parsed within `around`: gRPC would answer invalid bytes with UNKNOWN, before authentication and without
    a request id. Responses are serialised there too: gRPC would serialise large ones on the event loop.
    """
    uncoded = {"request_deserializer": None, "response_serializer": None}
    parse, serialize = handler.request_deserializer, handler.response_serializer

    async def parsed(request: Any) -> Any:
        if handler.request_streaming:
            return coder.parse_each(parse, request, max_bytes)
        return await coder.parse(parse, request, max_bytes)

    if handler.response_streaming:
        inner = handler.stream_stream if handler.request_streaming else handler.unary_stream

        # Written and closed here instead of yielded: if the client disconnects while a generator is suspended, only the
        # garbage collector would close it, and its request in the engine would continue until then.
        async def stream(request: list[Any], context: Any) -> None:
            async with around(context), aclosing(inner(await parsed(request.pop()), context)) as responses:
                async for response in responses:
                    await context.write(await coder.serialize(serialize, response))

        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(_released(stream), **uncoded)
        return grpc.unary_stream_rpc_method_handler(_released(stream), **uncoded)
    inner = handler.stream_unary if handler.request_streaming else handler.unary_unary

    async def unary(request: list[Any], context: Any) -> Any:
        async with around(context):
            return await coder.serialize(serialize, limit(await inner(await parsed(request.pop()), context)))

    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(_released(unary), **uncoded)
    return grpc.unary_unary_rpc_method_handler(_released(unary), **uncoded)


def _released(rpc: Callable[[list[Any], Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    """Return an RPC that releases its request when it ends.

    gRPC's exception for an RPC that was refused lives on until a full garbage collection. Through its traceback, all
    that the RPC held would live as long, and a few thousand refused requests would take gigabytes.

    Args:
        rpc: Takes the request from its only holder, a list.
    """

    async def answer(request: Any, context: Any) -> Any:
        held = [request]
        del request
        try:
            return await rpc(held, context)
        except grpc.aio.AbortError as aborted:
            if aborted.__context__ is not None:
                # From Python 3.13 on, frames of contextlib hold this error, and its traceback would hold them.
                aborted.__context__.__traceback__ = None
            aborted.__context__ = None
            raise aborted.with_traceback(None)  # noqa: B904 - no other error may be attached

    return answer


def _max_request_bytes(method: str) -> int:
    """Return the maximum size of a request of an RPC."""
    return MAX_REQUEST_BYTES if method.startswith(_INFERENCE) else MAX_OTHER_REQUEST_BYTES


def name_request(call: Call) -> str:
    """Take `x-request-id` from the client or generate it, return it also in the trailers, and record it.

    An id that looks like a key or holds an e-mail address is replaced, because ids are logged, and stored with captured
    requests.
    """
    given = call.metadata.get("x-request-id", "")
    usable = _REQUEST_ID.fullmatch(given) is not None and redact(given) == given and not holds_email(given)
    request_id = given if usable else secrets.token_hex(8)
    call.record.request_id = request_id
    call.context.set_trailing_metadata((("x-request-id", request_id),))
    return request_id


@asynccontextmanager
async def answer_errors(call: Call) -> AsyncIterator[None]:
    """Return errors as google.rpc.Status. Log unexpected exceptions with their traceback and return an id."""
    try:
        yield
    except ForewordError as error:
        await _abort(call, error)
    except Exception:
        await _abort(call, request_fault())


async def _abort(call: Call, error: ForewordError) -> None:
    """End the RPC with an error, keeping the trailers set before."""
    code, message, status = status_of(error)
    call.record.code, call.record.reason = code, error.reason
    call.record.error_id = error.metadata.get("error_id", "")
    trailers: Any = (*(call.context.trailing_metadata() or ()), *trailing_metadata(status))
    await call.context.abort(code, message, trailers)
