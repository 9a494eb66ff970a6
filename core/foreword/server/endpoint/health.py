"""Health service whose watches do not delay a drain."""

from __future__ import annotations

import asyncio
from typing import Any

from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer

_LAST_WORD_SECONDS = 0.1


class Health(HealthServicer):  # type: ignore[misc]  # grpc-stubs lack its asyncio part
    """The standard health service. A watch ends once it has reported the shutdown.

    Otherwise, watches would last until their clients disconnect, and every drain would take its maximum time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._going_down = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Stream the status of a service each time it changes."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        going_down = asyncio.ensure_future(self._going_down.wait())
        try:
            await asyncio.wait((watching, going_down), return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait((watching,), timeout=_LAST_WORD_SECONDS)
        finally:
            for task in (watching, going_down):
                task.cancel()

    async def enter_graceful_shutdown(self) -> None:
        """Set every service to NOT_SERVING permanently."""
        await super().enter_graceful_shutdown()
        self._going_down.set()
