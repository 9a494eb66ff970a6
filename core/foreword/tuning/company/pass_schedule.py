"""The decision which runs give rows to the next pass: state in, decision out. It reads neither a clock nor a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from foreword.turns.fair_queue import FairQueue

Run = TypeVar("Run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a run's work that is not divided further.

    Attributes:
        cost: Tokens that count for the share of the tenant.
        size: Tokens that count against the size of a pass.
    """

    cost: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[Run]):
    """What one run gives to a pass: the next `num_parts` of its parts."""

    run: Run
    num_parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work(Generic[Run]):
    tenant: str
    run: Run
    parts: Sequence[Part]
    num_first: int

    @property
    def cost(self) -> int:
        return sum(part.cost for part in self.parts[: self.num_first])

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts[: self.num_first])


class PassSchedule(Generic[Run]):
    """The work of runs that share a base model, and the order in which it is done.

    A run has one piece of work at a time: its next update. Tenants get equal shares of the tokens, however many runs
    they have and however long these are (`FairQueue`). The runs of a tenant take turns, update by update; an update
    that has begun goes on before another run of the tenant begins one. Not thread-safe.

    The tenant furthest behind comes first. Others fill up the pass as long as it stays within `pass_tokens`, the size
    up to which rows are cheaper together than apart. No work is moved up because it fits better, or else a large
    update would wait for ever.

    Args:
        pass_tokens: Size of a pass. A part that is larger makes a pass of its own.
    """

    def __init__(self, pass_tokens: int) -> None:
        self._pass_tokens = pass_tokens
        self._queue: FairQueue[_Work[Run]] = FairQueue()

    def __len__(self) -> int:
        """Return the number of runs that wait."""
        return len(self._queue)

    def add(self, tenant: str, run: Run, parts: Sequence[Part]) -> None:
        """Add a run's next piece of work; at least one part. It must not have another that waits."""
        work = self._work(tenant, run, parts)
        self._queue.push(tenant, work, work.cost, first=work.size)

    def next(self) -> list[Turn[Run]]:
        """Return the turns of the next pass; none if nothing waits. The runs' other parts go on waiting."""
        taken = self._queue.pop(self._pass_tokens, len(self._queue))
        for work in taken:
            if work.num_first < len(work.parts):
                rest = self._work(work.tenant, work.run, work.parts[work.num_first :])
                self._queue.put_back(work.tenant, rest, rest.cost, first=rest.size, taken=work.cost)
        return [Turn(run=work.run, num_parts=work.num_first) for work in taken]

    def remove(self, run: Run) -> None:
        """Remove a run, whether it waits or not."""
        self._queue.remove(lambda work: work.run is run)

    def _work(self, tenant: str, run: Run, parts: Sequence[Part]) -> _Work[Run]:
        """Return work whose first parts fill a pass as far as they fit, and are at least one."""
        num_first, size = 1, parts[0].size
        while num_first < len(parts) and size + parts[num_first].size <= self._pass_tokens:
            size += parts[num_first].size
            num_first += 1
        return _Work(tenant=tenant, run=run, parts=parts, num_first=num_first)
