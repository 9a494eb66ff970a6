"""What this server sees of rollouts, added to the figures of all servers in batches."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, field

from foreword.domain.rollout_figures import Observation, RevisionFigures, RolloutFigures, ShadowFigures
from foreword.errors import ForewordError
from foreword.names import DeploymentName
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import WRITE_SECONDS
from foreword.server.inference.model_resolver import ModelResolver, RunningRollout
from foreword.storage.database import Database
from foreword.storage.workers.rollouts import BatchId, EndedRollout, RolloutLedger
from foreword.turns.turn_pool import TurnPool

BATCH_SECONDS = 1.0
"""Time for which figures are collected before they are written."""
MAX_UNJUDGED = 32
"""Canary requests that may run or wait to be counted. Any more are answered by the stable revision, so that a bad
revision gets few requests however many arrive in a second, and none while the database cannot be reached."""

_EARLY_REQUESTS = 8
"""Canary requests after which figures are written at once."""
_PAUSE_SECONDS = 0.1
"""Least time between two batches."""
_MAX_OBSERVATIONS = 1000
"""Observations that are kept one by one, before they are added up."""

_log = get_logger("rollouts")

_Key = tuple[DeploymentName, int]


@dataclass(slots=True)
class _Batch:
    """What is to be written of one rollout.

    Attributes:
        sealed: Figures that are being written, or whose write has failed and is repeated with the same number: the
            commit may have succeeded nevertheless, and then they must not count twice.
        number: Number of the sealed figures; 0 if there are none.
        running: Canary requests that the new revision is answering.
    """

    summed: RolloutFigures = field(default_factory=RolloutFigures)
    candidate: list[Observation] = field(default_factory=list)
    stable: list[Observation] = field(default_factory=list)
    sealed: RolloutFigures = field(default_factory=RolloutFigures)
    number: int = 0
    running: int = 0

    @property
    def unjudged(self) -> int:
        """Canary requests that no decision has considered yet."""
        open_requests = len(self.candidate) + self.summed.candidate.requests
        return self.running + open_requests + self.sealed.candidate.requests

    def take(self) -> RolloutFigures:
        """Return all figures that are not sealed, and start again without any."""
        seen = RolloutFigures(candidate=RevisionFigures.of(self.candidate), stable=RevisionFigures.of(self.stable))
        taken = self.summed.plus(seen)
        self.summed, self.candidate, self.stable = RolloutFigures(), [], []
        return taken


class RolloutRecorder:
    """The counts of this server. No request waits for the database. All methods are called on the event loop."""

    def __init__(self, *, database: Database, storage: TurnPool, models: ModelResolver) -> None:
        self._server = secrets.token_hex(8)
        self._last_number = 0
        self._ledger = RolloutLedger(database)
        self._storage = storage
        self._models = models
        self._batches: dict[_Key, _Batch] = {}
        self._filled = asyncio.Event()
        self._urgent = asyncio.Event()

    def admit(self, rollout: RunningRollout) -> bool:
        """Return whether a canary request may go to the new revision. If so, `leave` must follow."""
        batch = self._batch(rollout)
        if batch.unjudged >= MAX_UNJUDGED:
            self._hurry()
            return False
        batch.running += 1
        return True

    def leave(self, rollout: RunningRollout) -> None:
        """Note that an admitted request no longer runs."""
        self._batch(rollout).running -= 1

    def saw_candidate(self, rollout: RunningRollout, observation: Observation) -> None:
        """Count a canary request of the new revision."""
        batch = self._batch(rollout)
        batch.candidate.append(observation)
        self._filled.set()
        if observation.failure or observation.missed or len(batch.candidate) >= _EARLY_REQUESTS:
            self._hurry()

    def saw_stable(self, rollout: RunningRollout, observation: Observation) -> None:
        """Count a request of the stable revision during a canary."""
        batch = self._batch(rollout)
        batch.stable.append(observation)
        if len(batch.stable) >= _MAX_OBSERVATIONS:
            batch.summed = batch.take()
        self._filled.set()

    def saw_shadow(self, rollout: RunningRollout, figures: ShadowFigures) -> None:
        """Count the outcome of a shadow request."""
        batch = self._batch(rollout)
        batch.summed = batch.summed.plus(RolloutFigures(shadow=figures))
        self._filled.set()

    async def run(self) -> None:
        """Write batches until the task is cancelled."""
        while True:
            await self._filled.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), BATCH_SECONDS)
            self._urgent.clear()
            self._filled.clear()
            await self.write()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def write(self) -> None:
        """Add the figures of this server to those of all, and apply the decisions that follow.

        What cannot be written is kept, and written with the next batch.
        """
        for key, batch in tuple(self._batches.items()):
            try:
                await self._write(key, batch)
            except ForewordError:  # the database has logged the cause
                self._filled.set()
            except Exception:  # the root of a background task
                _log.exception("rollout_not_written", deployment=str(key[0]), revision=key[1])
                self._filled.set()

    async def _write(self, key: _Key, batch: _Batch) -> None:
        """Write the figures of one rollout: those whose write has failed before, and then the others."""
        while True:
            if not batch.number:
                batch.sealed = batch.take()
                if batch.sealed == RolloutFigures():
                    if not batch.running:
                        del self._batches[key]
                    return
                self._last_number += 1
                batch.number = self._last_number
            deployment, revision = key
            id = BatchId(server=self._server, number=batch.number)
            decision = await self._storage.run(
                deployment.tenant, WRITE_SECONDS, self._ledger.add, deployment, revision, batch.sealed, id
            )
            batch.sealed, batch.number = RolloutFigures(), 0
            if decision is None:
                self._models.forget()
            elif decision.state.ended:
                self.apply(EndedRollout(deployment=deployment, revision=revision, decision=decision))

    def apply(self, ended: EndedRollout) -> None:
        """Let requests go to the revision that serves now."""
        self._models.forget()
        _log.info(
            "rollout_ended",
            deployment=str(ended.deployment),
            revision=ended.revision,
            state=ended.decision.state.value,
            explanation=ended.decision.explanation,
        )

    def _batch(self, rollout: RunningRollout) -> _Batch:
        return self._batches.setdefault((rollout.deployment, rollout.revision), _Batch())

    def _hurry(self) -> None:
        self._urgent.set()
        self._filled.set()
