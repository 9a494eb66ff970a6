"""The end of rollouts whose time is over, however little traffic they get."""

from __future__ import annotations

import asyncio
from typing import Final

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import READ_SECONDS
from foreword.server.inference.rollout_recorder import RolloutRecorder
from foreword.storage.database import Database
from foreword.storage.workers.rollouts import RolloutLedger
from foreword.turns.turn_pool import SERVICE, TurnPool

_LOOK_SECONDS: Final = 5.0

_log = get_logger("rollouts")


class RolloutClock:
    """The background task that ends rollouts whose time is over. Several servers may do so at the same time."""

    def __init__(self, *, database: Database, storage: TurnPool, recorder: RolloutRecorder) -> None:
        self._ledger = RolloutLedger(database)
        self._storage = storage
        self._recorder = recorder

    async def run(self) -> None:
        """Look for overdue rollouts until the task is cancelled."""
        while True:
            try:
                await self.look()
            except UnavailableError:
                pass  # the database has logged the cause once; it may recover
            except Exception:  # the root of a background task
                _log.exception("overdue_rollouts_not_ended")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """End the rollouts that are overdue now."""
        for ended in await self._storage.run(SERVICE, READ_SECONDS, self._ledger.end_overdue):
            self._recorder.apply(ended)
