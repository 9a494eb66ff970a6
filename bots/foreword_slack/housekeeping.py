"""Periodic work of a running bot: heartbeats, renewed and refused tokens, and removal of bots that were killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import aiohttp

from foreword.errors import FailedPreconditionError, UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.installations import Installations
from foreword_slack.store import Operator, Store

_log = get_logger(__name__)

_FORGET_AFTER = timedelta(hours=1)


class Housekeeping:
    """The loop of periodic work.

    Args:
        facts: Returns the bot's mode, sockets and counters.
        beat_seconds: Time between two heartbeats.
        renew_seconds: Time between two checks for tokens that expire soon.
    """

    def __init__(
        self,
        store: Store,
        installations: Installations,
        facts: Callable[[], Mapping[str, Any]],
        *,
        beat_seconds: float = 15.0,
        renew_seconds: float = 600.0,
    ) -> None:
        self._store, self._installations, self._facts = store, installations, facts
        self._beat_seconds, self._renew_after = beat_seconds, timedelta(seconds=renew_seconds)
        self._id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the loop."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop the loop, and record that the bot has stopped."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        with contextlib.suppress(UnavailableError):  # the record of the bot expires later
            await self._store.operate(lambda operator: operator.processes.leave(self._id))

    async def _run(self) -> None:
        clock = self._store.clock
        renewed = None
        while True:
            try:
                await self._store.operate(self._beat)
                await self._installations.try_again()
                if renewed is None or clock.now() - renewed >= self._renew_after:
                    await self._installations.renew_all()
                    renewed = clock.now()
            except (aiohttp.ClientError, FailedPreconditionError, TimeoutError, UnavailableError) as error:
                _log.warning("housekeeping_failed", error=type(error).__name__)
            except Exception:  # the loop must not end while the bot appears to be running
                _log.exception("housekeeping_failed")
            await clock.sleep(self._beat_seconds)

    def _beat(self, operator: Operator) -> None:
        operator.processes.beat(self._id, self._facts())
        operator.processes.forget(_FORGET_AFTER)
