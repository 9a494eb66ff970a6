"""Probes new revisions of deployments in the background: a revision serves once its adapter is seen to act."""

from __future__ import annotations

import asyncio
import contextlib

from foreword.domain.deployment import ModelReference
from foreword.errors import ErrorKind, ForewordError, InternalError
from foreword.inference.interfaces import EngineClient
from foreword.observability.logging import get_logger
from foreword.server.served_models import ServedModels
from foreword.server.status import failure_of
from foreword.storage.database import Database
from foreword.storage.probes import ProbeQueue

POLL_SECONDS = 0.25
_RECOVERY_SECONDS = 5.0
_BATCH = 16
# The engine may be full or going down: such a probe says nothing about the revision and is repeated.
_TRANSIENT = frozenset(
    {ErrorKind.EXHAUSTED, ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED, ErrorKind.CANCELLED, ErrorKind.ABORTED}
)
_log = get_logger("prober")


class Prober:
    """Takes probing revisions from the database, those made by other replicas included.

    Two replicas may probe the same revision; both find the same, and storing it twice changes nothing.
    """

    def __init__(self, *, database: Database, engine: EngineClient, models: ServedModels) -> None:
        self._queue = ProbeQueue(database)
        self._engine = engine
        self._models = models
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Looks at once instead of at the next interval: a revision was just made here."""
        self._woken.set()

    async def run(self) -> None:
        """Probes until it is cancelled."""
        while True:
            self._woken.clear()
            pause = POLL_SECONDS
            try:
                for tenant, space, deployment, number, model in await asyncio.to_thread(self._queue.pending, _BATCH):
                    await self._probe(tenant, space, deployment, number, model)
            except Exception:  # the root of a background task: the database may be away, and come back
                _log.exception("probing_failed")
                pause = _RECOVERY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)

    async def _probe(self, tenant: str, space: str, deployment: str, number: int, model: ModelReference) -> None:
        try:
            effect = await self._effect(tenant, model)
        except ForewordError as error:
            if error.kind in _TRANSIENT:
                return
            failure = failure_of(error)
        except Exception as unforeseen:
            # Foreign code (a base model's plugin) runs in a probe. The revision fails; the log has the traceback.
            _log.exception("probe_failed", tenant=tenant, deployment=deployment, revision=number)
            failure = failure_of(
                InternalError(f"The probe ended with {type(unforeseen).__name__}. The service's log tells more.")
            )
        else:
            await asyncio.to_thread(self._queue.ready, tenant, space, deployment, number, effect)
            self._models.forget()
            return
        await asyncio.to_thread(self._queue.failed, tenant, space, deployment, number, failure)

    async def _effect(self, tenant: str, model: ModelReference) -> float:
        """How much the model's adapter changes, in nats; 0 for a base model, which only has to load."""
        served = await asyncio.to_thread(self._models.resolve, tenant, model)
        if served.adapter is None:
            await self._engine.preload(served.base_model)
            return 0.0
        return await self._engine.probe(served.base_model, served.adapter)
