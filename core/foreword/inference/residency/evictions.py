"""The choice of base models to unload, so that another one has room."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_BUSY_SECONDS: Final = 1.0
"""Time after which to try again while every model in memory is in use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A base model in memory. Times are readings of a monotonic clock in seconds.

    Attributes:
        stays_until: Not unloaded before, so that two models that take turns do not spend all time on loading.
        held: Whether it is in use.
    """

    name: str
    byte_size: int
    last_used: float
    stays_until: float = 0.0
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evictions:
    """The base models to unload.

    Attributes:
        names: Ids of the models.
        retry_seconds: None when that suffices; otherwise nothing is unloaded, and it is worth asking again then.
    """

    names: tuple[str, ...] = ()
    retry_seconds: float | None = None


def choose_evictions(residents: Iterable[Resident], *, missing_bytes: int, now: float) -> Evictions:
    """Choose the models to unload so that another one has room: the least recently used, and no more than needed.

    Args:
        missing_bytes: Memory to free.
        now: Reading of the clock.
    """
    if missing_bytes <= 0:
        return Evictions()
    residents = list(residents)
    idle = [resident for resident in residents if not resident.held]
    freed, chosen = 0, list[Resident]()
    for resident in sorted(idle, key=lambda resident: resident.last_used):
        if freed >= missing_bytes:
            break
        if now >= resident.stays_until:
            chosen.append(resident)
            freed += resident.byte_size
    if freed < missing_bytes:
        waits = [resident.stays_until - now for resident in idle if now < resident.stays_until]
        return Evictions(retry_seconds=min(waits, default=_BUSY_SECONDS))
    for resident in reversed(chosen):  # a large one at the end may have made small ones before it unnecessary
        if freed - resident.byte_size >= missing_bytes:
            chosen.remove(resident)
            freed -= resident.byte_size
    return Evictions(names=tuple(resident.name for resident in chosen))
