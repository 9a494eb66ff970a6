"""The bot as a separate process, on Slack's scaled clock, so that tests can kill and restart it."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from factories.forked import fork_context
from foreword_slack.testing import FakeSlack

_STARTED_WITHIN_SECONDS = 120.0


class BotProcess:
    """The bot in a separate process.

    Args:
        slack: The fake Slack, whose clock the bot shares.
        config: Values of the configuration file.
        secrets: Values of `Secrets`.
        log: File for the log of the bot.

    Attributes:
        starts: Number of starts.
        fell: Number of exits that no test caused.
    """

    def __init__(self, slack: FakeSlack, config: dict[str, Any], secrets: dict[str, Any], log: Path) -> None:
        self._slack = slack
        self._log = log
        self._order = {
            "config": config,
            "secrets": secrets,
            "speed": slack.clock.speed,
            "origin": slack.clock.origin,
            "log": str(log),
        }
        self._process: multiprocessing.process.BaseProcess | None = None
        self.starts = 0
        self.fell = 0

    async def start(self) -> None:
        """Start the bot and wait until it listens. If it exits meanwhile, start it again, as a supervisor would.

        Raises:
            AssertionError: The bot exits again and again.
        """
        for _ in range(5):
            self.starts += 1
            ours, its = fork_context().Pipe(duplex=False)
            process = fork_context().Process(target=work, args=(self._order, its), daemon=True)
            self._process = process
            await asyncio.to_thread(process.start)
            its.close()
            with contextlib.suppress(EOFError):
                if await asyncio.to_thread(ours.poll, _STARTED_WITHIN_SECONDS):
                    port = ours.recv()
                    if port:
                        self._slack.app.request_url = f"http://127.0.0.1:{port}/slack/events"
                    return
            self.fell += 1
            await self.kill()
        raise AssertionError(f"the bot does not start: {self._log.read_text(errors='replace')[-3000:]}")

    async def kill(self) -> None:
        """Kill the bot between two instructions, with `kill -9`."""
        assert self._process is not None
        if self._process.exitcode is not None:
            self.fell += 1
        self._process.kill()
        await asyncio.to_thread(self._process.join)

    async def stop(self) -> int | None:
        """Ask the bot to end, wait for it, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        await asyncio.to_thread(self._process.join, 60.0)
        return self._process.exitcode


def work(order: dict[str, Any], ready: Connection) -> None:
    """Run a bot until SIGTERM; the main function of the process."""
    with Path(order["log"]).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    asyncio.run(_run(order, ready))


async def _run(order: dict[str, Any], ready: Connection) -> None:
    from foreword.observability import logging
    from foreword_slack.app import build_bot
    from foreword_slack.clock import ScaledClock
    from foreword_slack.config import BotConfig
    from foreword_slack.hooks import Hooks
    from foreword_slack.secrets import Secrets

    logging.configure("warning")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    parent = multiprocessing.parent_process()
    assert parent is not None
    asyncio.get_running_loop().add_reader(parent.sentinel, os._exit, 1)  # a killed test leaves no process behind
    bot = await build_bot(
        BotConfig.model_validate(order["config"]),
        Secrets(**order["secrets"]),
        clock=ScaledClock(order["speed"], origin=order["origin"]),
        hooks=Hooks(),
    )
    try:
        await bot.start()
        ready.send(getattr(bot.transport, "port", 0))
        await stopped.wait()
    finally:
        await bot.stop()
