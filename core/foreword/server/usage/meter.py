"""The usage of tenants on this server: in a journal before an answer is sent, and in the database in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from foreword.domain.inference import TokenUsage
from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import WRITE_SECONDS
from foreword.storage.quotas.sums import day_of
from foreword.storage.usage.journal import UsageJournal
from foreword.turns.turn_pool import SERVICE, TurnPool

ROLL_UP_SECONDS: Final = 5.0
"""Time between two batches, by which the usage that other servers show is late."""
_log = get_logger("usage")


class UsageMeter:
    """The meter of one server. Methods are called on the event loop, unless they say otherwise.

    Args:
        threads: Runs the batches.
        now: Returns the wall-clock time.
    """

    def __init__(self, journal: UsageJournal, threads: TurnPool, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._threads = threads
        self._now = now

    def answered(self, tenant: str, model: str, usage: TokenUsage) -> None:
        """Count an answer that is about to be sent. It takes a few microseconds.

        Args:
            model: Resource name of the model that has answered.
        """
        self._journal.append(
            tenant,
            day_of(self._now()),
            model,
            requests=1,
            input=usage.input_tokens,
            output=usage.generated_tokens,
            virtual=usage.soft_prompt_tokens,
        )

    def waiting_bytes(self) -> int:
        """Return the size of what is not yet in the database. It may be called on any thread."""
        return self._journal.waiting_bytes

    async def run(self) -> None:
        """Add batches to the database until the task is cancelled, at first what another process has left."""
        while True:
            try:
                await self.settle()
            except UnavailableError:
                pass  # the database has logged the cause once; what waits stays in the journal
            except Exception:  # the root of a background task
                _log.exception("usage_not_stored")
            await asyncio.sleep(ROLL_UP_SECONDS)

    async def settle(self) -> None:
        """Add everything that was counted so far to the database.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        await self._threads.run(SERVICE, WRITE_SECONDS, self._journal.roll_up)

    def close(self) -> None:
        """Add the rest to the database, or leave it to the next process. Blocks."""
        try:
            self._journal.roll_up()
        except UnavailableError:
            _log.warning("usage_left", byte_size=self._journal.waiting_bytes)
        except Exception:  # the end of a process: what is left, the next one adds
            _log.exception("usage_left")
        finally:
            self._journal.close()
