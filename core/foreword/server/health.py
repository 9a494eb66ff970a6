"""Health, whose watchers do not hold up a drain."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

_LAST_WORD_SECONDS = 0.1


class Health(HealthServicer):  # type: ignore[misc]  # grpc-stubs leave its asyncio half out
    """The standard health service; a watch ends once it has told that the service is going down.

    Watches otherwise last until their clients leave, and every drain would take all the time it is given.
    """

    def __init__(self) -> None:
        super().__init__()
        self._going_down = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Streams the status of a service whenever it changes."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        going_down = asyncio.ensure_future(self._going_down.wait())
        try:
            await asyncio.wait((watching, going_down), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((watching,), timeout=_LAST_WORD_SECONDS)
        finally:
            for task in (watching, going_down):
                task.cancel()

    async def enter_graceful_shutdown(self) -> None:
        """Sets every service to NOT_SERVING for good."""
        await super().enter_graceful_shutdown()
        self._going_down.set()
