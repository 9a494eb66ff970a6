"""The bot as a process of its own, on Slack's scaled clock: to be killed, and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any

from foreword_slack.testing import FakeSlack

_READY = "listening "


class BotProcess:
    """The bot, run as `python -m factories.bot_process`.

    Args:
        slack: The Slack it works in; it shares its clock.
        config: Values of the configuration file.
        secrets: Values of `Secrets`.
        folder: For what the process is told, and its log.
        outbox: Values of `OutboxSettings` that differ from the defaults.

    Attributes:
        starts: How often it was started.
        fell: How often it ended by itself.
    """

    def __init__(
        self,
        slack: FakeSlack,
        config: dict[str, Any],
        secrets: dict[str, Any],
        folder: Path,
        *,
        outbox: dict[str, Any] | None = None,
    ) -> None:
        self._slack = slack
        self._order = folder / "order.json"
        self._log = folder / "bot.log"
        self._http = config["slack"]["mode"] == "http"
        self._process: Process | None = None
        self.starts = 0
        self.fell = 0
        values = {
            "config": config,
            "secrets": secrets,
            "outbox": outbox or {},
            "speed": slack.clock.speed,
            "origin": slack.clock.origin,
            "slack_url": slack.api_url,
        }
        self._order.write_text(json.dumps(values))

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text(errors="replace")

    async def start(self) -> None:
        """Starts it and waits until it listens; one that falls while it starts is started again, as a supervisor would.

        Raises:
            AssertionError: It falls again and again.
        """
        for _ in range(20):
            self.starts += 1
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "factories.bot_process", str(self._order),
                    stdin=DEVNULL, stdout=PIPE, stderr=log, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                )  # fmt: skip
            assert self._process.stdout is not None
            line = (await self._process.stdout.readline()).decode()
            if line.startswith(_READY):
                if self._http:
                    self._slack.app.request_url = f"http://127.0.0.1:{line.split()[1]}/slack/events"
                return
            self.fell += 1
            await self._process.wait()
        raise AssertionError(f"the bot does not start: {self.log[-3000:]}")

    async def kill(self) -> None:
        """Ends it between two instructions, with `kill -9`."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        else:
            self.fell += 1
        await self._process.wait()

    async def stop(self) -> int:
        """Asks it to end, waits, and tells its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await self._process.wait()


async def run(order: dict[str, Any]) -> None:
    """Runs a bot until SIGTERM."""
    from foreword.observability import logging
    from foreword_slack.app import build_bot
    from foreword_slack.clock import ScaledClock
    from foreword_slack.config import BotConfig
    from foreword_slack.hooks import Hooks
    from foreword_slack.outbox import OutboxSettings
    from foreword_slack.secrets import Secrets

    logging.configure("warning")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    config = BotConfig.model_validate(order["config"])
    bot = await build_bot(
        config,
        Secrets(**order["secrets"]),
        clock=ScaledClock(order["speed"], origin=order["origin"]),
        hooks=Hooks(),
        slack_url=order["slack_url"],
        outbox=OutboxSettings(**order["outbox"]),
    )
    try:
        await bot.start()
        port = getattr(bot.transport, "port", 0)
        print(f"{_READY}{port}", flush=True)
        await stopped.wait()
    finally:
        await bot.stop()


if __name__ == "__main__":
    asyncio.run(run(json.loads(Path(sys.argv[1]).read_text())))
