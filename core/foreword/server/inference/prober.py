"""Background probes of new revisions. A revision is served once its adapter has a measurable effect."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable

from foreword.domain.failure import Failure
from foreword.domain.model_reference import ModelReference
from foreword.errors import ErrorKind, ExhaustedError, ForewordError, UnavailableError
from foreword.inference.interfaces import EngineClient
from foreword.observability.faults import log_fault
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.inference.model_resolver import ModelResolver
from foreword.storage.database import Database
from foreword.storage.workers.probes import PendingRevision, ProbeQueue, RevisionKey
from foreword.turns.turn_pool import SERVICE, TurnPool

POLL_SECONDS = 0.25
_RECOVERY_SECONDS = 5.0
_MAX_RETRY_SECONDS = 30.0
_BATCH = 16
# A probe may wait minutes for its base model to load, so each tenant has at most this many running probes.
_UNDER_WAY_PER_TENANT = 4
# The engine may be full or shutting down. Such a failure does not concern the revision, so the probe is repeated.
_TRANSIENT = frozenset(
    {ErrorKind.EXHAUSTED, ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED, ErrorKind.CANCELLED, ErrorKind.ABORTED}
)
_log = get_logger("prober")


class Prober:
    """The background task that probes revisions from the database, including those created by other replicas.

    Tenants take turns, and no probe waits for another one: a revision whose base model takes minutes to load, or cannot
    be loaded now, does not delay others. Two replicas may probe the same revision; both get the same result, and
    storing it twice has no effect.

    Args:
        clock: Clock of monotonic time in seconds.
    """

    def __init__(
        self,
        *,
        database: Database,
        engine: EngineClient,
        models: ModelResolver,
        storage: TurnPool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = ProbeQueue(database)
        self._engine = engine
        self._models = models
        self._storage = storage
        self._clock = clock
        self._woken = asyncio.Event()
        self._under_way: dict[RevisionKey, str] = {}
        self._not_before: dict[RevisionKey, float] = {}

    def wake(self) -> None:
        """Check for revisions at once instead of in the next interval, because one was just created."""
        self._woken.set()

    async def run(self) -> None:
        """Probe revisions until the task is cancelled."""
        async with asyncio.TaskGroup() as probes:
            while True:
                self._woken.clear()
                pause = POLL_SECONDS
                try:
                    for revision in await self._next():
                        self._under_way[revision.key] = revision.tenant
                        probes.create_task(self._probe(revision))
                        pause = 0.0  # each tenant had one turn; more revisions may be waiting
                except UnavailableError:  # the database has logged the cause once; it may recover
                    pause = _RECOVERY_SECONDS
                except Exception:  # the root of a background task
                    _log.exception("probing_failed")
                    pause = _RECOVERY_SECONDS
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), pause)

    async def _next(self) -> list[PendingRevision]:
        """Return at most one waiting revision of each tenant, without those being probed or paused."""
        now = self._clock()
        self._not_before = {key: moment for key, moment in self._not_before.items() if moment > now}
        counts = Counter(self._under_way.values())
        return await self._storage.run(
            SERVICE,
            READ_SECONDS,
            self._queue.pending,
            _BATCH,
            skip=[*self._under_way, *self._not_before],
            skip_tenants=[tenant for tenant, count in counts.items() if count >= _UNDER_WAY_PER_TENANT],
        )

    async def _probe(self, revision: PendingRevision) -> None:
        """Probe one revision, and record when to try again if necessary."""
        pause = 0.0
        try:
            pause = await self._answer(revision)
        except UnavailableError:  # as above
            pause = _RECOVERY_SECONDS
        except Exception:  # the root of a task, which must not end the other probes
            _log.exception("probing_failed")
            pause = _RECOVERY_SECONDS
        finally:
            if pause:
                self._not_before[revision.key] = self._clock() + pause
            del self._under_way[revision.key]
            self.wake()

    async def _answer(self, revision: PendingRevision) -> float:
        """Probe a revision and store the result. Return the seconds to wait before another try; 0 for none."""
        try:
            effect = await self._effect(revision.tenant, revision.model)
        except ForewordError as error:
            if error.kind in _TRANSIENT:
                wished = error.retry_after.total_seconds() if isinstance(error, ExhaustedError) else 1.0
                return min(max(wished, POLL_SECONDS), _MAX_RETRY_SECONDS)
            failure = Failure.of(error)
        except Exception as unforeseen:
            # A probe runs third-party code, the plugin of the base model. The revision fails; the log has the
            # traceback.
            failure = Failure.of(
                log_fault(
                    "probe_failed",
                    f"The probe ended with {type(unforeseen).__name__}.",
                    component="prober",
                    tenant=revision.tenant,
                    deployment=revision.deployment,
                )
            )
        else:
            await self._storage.run(
                revision.tenant, WRITE_SECONDS, self._queue.ready, revision.tenant, revision.key, effect
            )
            self._models.forget()
            return 0.0
        await self._storage.run(
            revision.tenant, WRITE_SECONDS, self._queue.failed, revision.tenant, revision.key, failure
        )
        return 0.0

    async def _effect(self, tenant: str, model: ModelReference) -> float:
        """Return the effect of the model's adapter in nats; 0 for a base model, which only has to load."""
        resolved = await self._storage.run(tenant, READ_SECONDS, self._models.resolve, tenant, model)
        if resolved.adapter is None:
            await self._engine.preload(resolved.base_model)
            return 0.0
        return await self._engine.probe(resolved.base_model, resolved.adapter)
