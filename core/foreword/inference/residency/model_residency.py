"""The base models in memory: each is loaded on first use, and the least recently used is unloaded for another.

    hold -> loading thread: make room, load -> the model, held -> release -> idle, until its room is needed

`choose_evictions`, which reads no clock, decides which models to unload. A model in use is never unloaded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from foreword.inference.errors import draining_error, exceeds_budget_error, models_busy_error
from foreword.inference.residency.evictions import Resident, choose_evictions
from foreword.inference.residency.memory_budget import MemoryBudget
from foreword.observability.logging import get_logger
from foreword.plugin.interfaces import BaseModel, LoadedModel
from foreword.plugin.memory import (
    check_memory,
    collections_are_spared,
    give_back,
    measured_bytes,
    spare_collections,
    weight_bytes,
)
from foreword.plugin.precision import choose_dtype
from foreword.turns.fair_queue import FairQueue
from foreword.turns.turn_pool import SERVICE

Loaded = TypeVar("Loaded")

_log = get_logger("residency")


@dataclass(eq=False, slots=True, kw_only=True)
class _Entry(Generic[Loaded]):
    """A model that is loaded or about to be; guarded by the lock of the residency.

    Attributes:
        users: Holds on it.
        byte_size: 0 until it is loaded.
    """

    base: BaseModel
    loaded: Future[Loaded] = field(default_factory=Future)
    users: int = 0
    byte_size: int = 0
    last_used: float = 0.0
    stays_until: float = 0.0


class Hold(Generic[Loaded]):
    """A hold on a base model: until it is released, the model stays in memory."""

    def __init__(self, entry: _Entry[Loaded], release: Callable[[_Entry[Loaded]], None]) -> None:
        self._entry: _Entry[Loaded] | None = entry
        self._release = release

    @property
    def loaded(self) -> Future[Loaded]:
        """The model, or why it cannot be loaded."""
        assert self._entry is not None, "the hold was released"
        return self._entry.loaded

    def release(self) -> None:
        """Release the model; a second call does nothing."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._release(entry)


class ModelResidency(Generic[Loaded]):
    """Base models in memory, within a budget. Thread-safe; models are loaded one at a time, on a thread of its own.

    One at a time, because transformers switches process-wide state while it loads, and two loads at once break both.
    Tenants take turns by the size of the models that they wait for. A model that nobody waits for any more is not
    loaded.

    Args:
        wrap: Makes what is kept of a model that was loaded.
        unload: Frees the result of `wrap`; called on the loading thread when it is not in use.
        budget: Memory for weights.
        device: Torch device, such as `cpu`.
        dtype: `float32`, `bfloat16` or `auto`.
        stay_factor: How long a model stays at least, as a multiple of the time that its loading took.
        clock: Monotonic time in seconds.
        available_bytes: Memory that the device has left; None where that is unknown.
    """

    def __init__(
        self,
        *,
        wrap: Callable[[LoadedModel], Loaded],
        unload: Callable[[BaseModel, Loaded], object] = lambda *_: None,
        budget: MemoryBudget,
        device: str,
        dtype: str,
        stay_factor: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        available_bytes: Callable[[str], int | None] = measured_bytes,
    ) -> None:
        self._wrap = wrap
        self._unload = unload
        self._budget = budget
        self._device = device
        self._dtype = dtype
        self._stay_factor = stay_factor
        self._clock = clock
        self._available_bytes = available_bytes
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry[Loaded]] = {}
        self._waiting: FairQueue[_Entry[Loaded]] = FairQueue()
        self._loader = ThreadPoolExecutor(1, "foreword-model-loader")
        self._closed = False

    def hold(self, base: BaseModel, tenant: str = SERVICE) -> Hold[Loaded]:
        """Take a model, and load it if need be. Never blocks: wait for the hold's `loaded`.

        That may raise FailedPreconditionError (the model does not fit), ExhaustedError (no model in memory can make
        room now) and what the base model's plugin raises. Release the hold in any case.

        Args:
            tenant: Id of the tenant that needs the model.

        Raises:
            UnavailableError: It was closed.
        """
        with self._lock:
            entry = self._entries.get(base.spec.id)
            if entry is None:
                if self._closed:
                    raise draining_error()
                entry = self._entries[base.spec.id] = _Entry(base=base)
                self._waiting.push(tenant, entry, base.spec.parameter_count)
                self._loader.submit(self._load_next)
            entry.users += 1
            entry.last_used = self._clock()
        return Hold(entry, self._release)

    def residents(self) -> tuple[Resident, ...]:
        """Return the models that are in memory."""
        with self._lock:
            return self._residents()

    def close(self) -> None:
        """Load nothing more; loads that wait for their turn fail with UnavailableError."""
        with self._lock:
            self._closed = True
            self._loader.shutdown(wait=False, cancel_futures=True)
            for entry in self._waiting.remove(lambda _: True):
                entry.loaded.set_exception(draining_error())

    def _residents(self) -> tuple[Resident, ...]:
        return tuple(
            Resident(
                name=name,
                byte_size=entry.byte_size,
                last_used=entry.last_used,
                stays_until=entry.stays_until,
                held=entry.users > 0,
            )
            for name, entry in self._entries.items()
            if entry.byte_size
        )

    def _release(self, entry: _Entry[Loaded]) -> None:
        with self._lock:
            entry.users -= 1
            entry.last_used = self._clock()

    def _load_next(self) -> None:
        """Load the model whose turn it is. Runs on the loading thread."""
        with self._lock:
            entry = next(iter(self._waiting.pop(0.0, 1)), None)  # None if it was closed in the meantime
            if entry is not None and not entry.users:
                del self._entries[entry.base.spec.id]
                entry = None
        if entry is not None:
            self._load(entry)

    def _load(self, entry: _Entry[Loaded]) -> None:
        """Make room and load. Runs on the loading thread."""
        name = entry.base.spec.id
        try:
            dtype = choose_dtype(self._dtype, self._device)
            self._make_room(entry.base, dtype)
            begin = self._clock()
            model = entry.base.load(device=self._device, dtype=dtype)
            loaded = self._wrap(model)
            byte_size = _byte_size(model)  # with what it is wrapped in, such as packed weights
            if collections_are_spared():
                spare_collections()
        except BaseException as error:  # the thread's root: those who wait get the error, and the next one tries anew
            with self._lock:
                del self._entries[name]
            entry.loaded.set_exception(error)
            return
        with self._lock:
            entry.byte_size = byte_size
            entry.stays_until = self._clock() + self._stay_factor * (self._clock() - begin)
        _log.info("base_model_loaded", base_model=name, dtype=dtype, device=self._device, byte_size=byte_size)
        entry.loaded.set_result(loaded)

    def _make_room(self, base: BaseModel, dtype: str) -> None:
        """Unload what has to go for a model.

        Raises:
            FailedPreconditionError: It can never have room.
            ExhaustedError: It has none now.
        """
        spec, limit = base.spec, self._budget.byte_size
        needed = weight_bytes(spec.parameter_count, dtype)
        if limit is not None and self._budget.strict and needed > limit:
            raise exceeds_budget_error(spec, dtype, needed=needed, budget=limit)
        available = self._available_bytes(self._device)
        with self._lock:  # decided and done at once, so that no caller takes a model that is about to be unloaded
            residents = self._residents()
            used = sum(resident.byte_size for resident in residents)
            missing = 0 if limit is None else used + min(needed, limit) - limit
            if available is not None:
                check_memory(
                    spec.id,
                    parameter_count=spec.parameter_count,
                    dtype=dtype,
                    device=self._device,
                    available_bytes=available + used,
                )
                missing = max(missing, needed - available)
            evictions = choose_evictions(residents, missing_bytes=missing, now=self._clock())
            if evictions.retry_seconds is not None:
                names = (resident.name for resident in residents)
                raise models_busy_error(spec.id, names, evictions.retry_seconds)
            gone = [self._entries.pop(name) for name in evictions.names]
        while gone:
            entry = gone.pop()
            self._unload(entry.base, entry.loaded.result())
            _log.info("base_model_unloaded", base_model=entry.base.spec.id, byte_size=entry.byte_size)
            del entry  # or the last one would not be free below
        if evictions.names:
            give_back(self._device)


def _byte_size(model: LoadedModel) -> int:
    """Return the memory of the weights in bytes, shared ones counted once."""
    tensors = (*model.module.parameters(), *model.module.buffers())
    return max(1, sum(tensor.nbytes for tensor in tensors))
