"""What a server charges a tenant for a call in advance, and the processor time that the call takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from factories.servers import RunningServer
from factories.waiting import wait_until
from foreword.server.calls.pools import CODE_SECONDS_PER_BYTE
from foreword.turns.turn_pool import SERVICE, TurnPool

Result = TypeVar("Result")

TRIES: Final = 4
MOST_RATIO: Final = 2.0
_UNIT: Final = json.dumps([{"input": f"Complaint {number}", "output": "Service"} for number in range(500)])
_UNITS_OF_SLACK: Final = 150
"""Units of work by which a charge may be wrong in addition: 10 to 30 ms, two writes of the server and its probe."""
_UNITS_OF_SLACK_PER_TURN: Final = 30
"""The same for each turn, whose charge is a number of seconds whatever the machine: 2 to 6 ms."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The account of one call.

    Attributes:
        charged: Seconds that were charged before they were used.
        paid: Processor seconds of the event loop and of the threads that take turns.
        turns: The same for each turn, with the name of its pool, for the message of a failure.
    """

    charged: float
    paid: float
    turns: tuple[tuple[str, float, float], ...] = ()

    def is_fair(self, message_bytes: int = 0) -> bool:
        """Return whether neither exceeds the double of the other, apart from the slack.

        Args:
            message_bytes: Size of a request that may be charged as if all of its fields were small. How many it has is
                known when it is parsed.
        """
        slack = (_UNITS_OF_SLACK + _UNITS_OF_SLACK_PER_TURN * len(self.turns)) * unit_seconds()
        most = MOST_RATIO * self.paid + slack + message_bytes * CODE_SECONDS_PER_BYTE
        return self.paid <= MOST_RATIO * self.charged + slack and self.charged <= most


@cache
def unit_seconds() -> float:
    """Return the processor time of the unit of work on this machine: some JSON, parsed."""

    def once() -> float:
        begin = time.thread_time()
        json.loads(_UNIT)
        return time.thread_time() - begin

    return min(once() for _ in range(100))


def pools_of(server: RunningServer) -> dict[str, TurnPool]:
    """Return the pools of a server for which a call can wait."""
    pools = server.server._pools
    named = {name: getattr(pools, name) for name in ("keys", "storage", "files", "parsing", "work", "hooks")}
    engine = server.engine
    return {
        **named, "loaders": engine._loaders, "counters": engine._counters, "adapters": engine._readers._threads
    }  # fmt: skip


class Charges:
    """The accounts of a server from now on. It counts the processor time of every pool, also of those that wait."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._pools = pools_of(server)
        self._turns: list[tuple[str, float, float]] = []
        for name, pool in self._pools.items():
            pool._clock = time.thread_time
            self._note_turns(name, pool)

    def of(self, call: Callable[[], Result]) -> tuple[Result, Bill]:
        """Make a call, and return its result and its account. Nothing else may call the server meanwhile."""
        self._settle()
        self._turns.clear()
        loop = self._loop_seconds()
        result = call()
        self._settle()
        turns = tuple(self._turns)
        paid = self._loop_seconds() - loop + sum(turn[2] for turn in turns)
        return result, Bill(sum(turn[1] for turn in turns), paid, turns)

    def fairly(self, call: Callable[[], Result], *, tries: int = TRIES, message_bytes: int = 0) -> Result:
        """Make a call that has to be charged fairly, and return its first result.

        It is repeated if its account is not fair: collections of garbage and other processes only add to it.

        Args:
            message_bytes: See `Bill.is_fair`.
        """
        result, bill = self.of(call)
        bills = [bill]
        while not bills[-1].is_fair(message_bytes) and len(bills) < tries:
            bills.append(self.of(call)[1])
        assert bills[-1].is_fair(message_bytes), "\n".join(map(str, bills))
        return result

    def _note_turns(self, name: str, pool: TurnPool) -> None:
        finish = pool._schedule.finish

        def noted(tenant: str, charged: float, paid: float) -> None:
            if tenant != SERVICE:
                self._turns.append((name, charged, paid))
            finish(tenant, charged, paid)

        pool._schedule.finish = noted  # type: ignore[method-assign]

    def _settle(self) -> None:
        """Wait until every call has ended, also those whose callers have gone."""
        wait_until(lambda: not any(pool.running or pool.waiting for pool in self._pools.values()))

    def _loop_seconds(self) -> float:
        async def read() -> float:
            return time.thread_time()

        return float(self._server._loop.run(read()))
