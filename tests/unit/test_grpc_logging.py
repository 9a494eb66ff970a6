"""The event loop never waits for the lock of Python's logging while it holds the lock of gRPC."""

from __future__ import annotations

import asyncio
import logging
import threading

import grpc

from foreword.grpc_logging import log_no_debug_messages


def test_a_channel_opens_although_another_thread_holds_the_lock_of_logging():
    log_no_debug_messages()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def opened() -> grpc.aio.Channel:
        return grpc.aio.insecure_channel("127.0.0.1:1")

    root = logging.getLogger()
    root.setLevel(root.level)  # which makes all loggers forget the levels that they were asked for
    with logging._lock:  # type: ignore[attr-defined]
        channel = asyncio.run_coroutine_threadsafe(opened(), loop).result(10)

    asyncio.run_coroutine_threadsafe(channel.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
