"""The gRPC server, protected from requests whose path is not valid UTF-8.

In gRPC 1.85, `AioServer._server_main_loop` decodes the path of an unregistered method. One such request ends the loop
and with it the server, and it needs no key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import grpc
from grpc._cython import cygrpc

from foreword.grpc_logging import log_no_debug_messages


def create_server(
    interceptors: Sequence[grpc.aio.ServerInterceptor], options: Sequence[tuple[str, int]]
) -> grpc.aio.Server:
    """Return a server that answers every unregistered method with UNIMPLEMENTED.

    Args:
        interceptors: The interceptors of registered methods.
        options: The channel arguments.
    """
    log_no_debug_messages()
    server = grpc.aio.server(interceptors=interceptors, options=options)
    server._server = _SteadyServer(asyncio.get_running_loop(), None, (), interceptors, tuple(options), None)
    return server


class _SteadyServer(cygrpc.AioServer):  # type: ignore[misc]  # grpc has no types
    """gRPC's server, except that its main loop never sees the calls of unregistered methods."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)
        self._refusals: set[asyncio.Task[None]] = set()

    def _make_request_call_future(self, method: bytes | None) -> Any:
        """Return the future of the next call of a method; None stands for all unregistered methods."""
        future = super()._make_request_call_future(method)
        return future if method is not None else asyncio.ensure_future(self._refuse(future))

    async def _refuse(self, unregistered: asyncio.Future[Any]) -> None:
        call = await unregistered
        refusal = asyncio.create_task(_answer_unimplemented(call))
        self._refusals.add(refusal)
        refusal.add_done_callback(self._refusals.discard)
        raise cygrpc._RequestCallError  # the loop then waits for the next call


async def _answer_unimplemented(call: Any) -> None:
    context = cygrpc._ServicerContext(call, None, None, asyncio.get_running_loop())
    with suppress(Exception):  # `abort` raises after it has answered, and if the caller has gone
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
