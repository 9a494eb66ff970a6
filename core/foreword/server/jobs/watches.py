"""Watches of experiments, evaluations and batch jobs, which share one database query in each interval."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from foreword.domain.batch_job import BatchJob
from foreword.domain.evaluation import Evaluation
from foreword.domain.experiment import Snapshot, TuneExperiment
from foreword.errors import ExhaustedError, ForewordError, NotFoundError, UnavailableError
from foreword.names import BatchJobName, EvaluationName, TenantName, TuneExperimentName
from foreword.observability.logging import get_logger
from foreword.server.calls.pools import READ_SECONDS
from foreword.storage.database import Database
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.repositories.experiments import ExperimentRepository
from foreword.storage.versions import Name, Version, Versions
from foreword.turns.turn_pool import SERVICE, TurnPool

Item = TypeVar("Item", TuneExperiment, Evaluation, BatchJob)

POLL_SECONDS = 0.25
_RETRY_AFTER = timedelta(seconds=10)
_log = get_logger("watches")


class Watch(Generic[Item]):
    """One caller's view of a resource with a job, which returns only changes that the caller has not seen.

    Attributes:
        sequence: Sequence number of the last snapshot that the caller has seen; 0 for other resources.
        version: Version of the resource that was last handed in; None before the first one.
    """

    def __init__(self, after_sequence: int) -> None:
        self.sequence = after_sequence
        self.version: Version | None = None
        self._given: Item | None = None
        self._newest: Item | None = None
        self._delivered: Item | None = None
        self._error: Exception | None = None
        self._woken = asyncio.Event()

    def give(self, seen: Item, version: Version) -> None:
        """Hand in the resource with its snapshots after `sequence`, so that a slow caller misses nothing."""
        self.version, self._given = version, seen
        self._woken.set()

    def fail(self, error: Exception) -> None:
        """End the watch."""
        self._error = error
        self._woken.set()

    def repeated(self) -> Item | None:
        """Return the resource without snapshots, for a heartbeat; None before the first read."""
        return None if self._newest is None else _with_snapshots(self._newest, ())

    async def next(self, timeout_seconds: float) -> Item | None:
        """Return the resource with its new snapshots; None if nothing changes within the timeout.

        Raises:
            NotFoundError: The resource does not exist or was deleted.
            UnavailableError: The server is shutting down, or the database cannot be reached.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), timeout_seconds)
        self._woken.clear()
        if self._error is not None:
            raise self._error
        given, self._given = self._given, None
        if given is None:
            return None
        self._newest = given
        seen: tuple[Snapshot, ...] = given.snapshots if isinstance(given, TuneExperiment) else ()
        snapshots = tuple(snapshot for snapshot in seen if snapshot.sequence > self.sequence)
        # Every heartbeat of a worker changes these two fields, which is no reason to wake callers four times a second.
        bare = _with_snapshots(given, ())
        bare = dataclasses.replace(bare, update_time=given.create_time, compute_seconds=0.0)
        if not snapshots and bare == self._delivered:
            return None
        self._delivered = bare
        self.sequence = max(self.sequence, *(snapshot.sequence for snapshot in snapshots), 0)
        return _with_snapshots(given, snapshots)

    async def updates(self, heartbeat_seconds: float) -> AsyncIterator[Item]:
        """Yield the resource each time it changes, and again if nothing has changed for `heartbeat_seconds`.

        Raises:
            ForewordError: As in `next`.
        """
        sent = time.monotonic()
        while True:
            seen = await self.next(max(sent + heartbeat_seconds - time.monotonic(), 0.0))
            overdue = time.monotonic() >= sent + heartbeat_seconds
            if seen is None and not overdue:
                continue
            sent = time.monotonic()
            seen = seen or self.repeated()
            if seen is not None:
                yield seen


class Watches:
    """All watches of this server, on one event loop.

    One query in each interval and kind finds the resources that have changed. Only those are read, each once for all of
    its watches.

    Args:
        max_per_tenant: Maximum number of watches that a tenant may have open on this server.
    """

    def __init__(self, database: Database, *, storage: TurnPool, max_per_tenant: int) -> None:
        self._storage = storage
        self._database = database
        self._versions = Versions(database)
        self._max_per_tenant = max_per_tenant
        self._open: dict[Name, set[Watch[Any]]] = {}
        self._counts: Counter[str] = Counter()
        self._woken = asyncio.Event()
        self._polling: asyncio.Task[None] | None = None
        self._closed = False

    @overload
    def open(self, name: TuneExperimentName, after_sequence: int) -> AbstractContextManager[Watch[TuneExperiment]]: ...

    @overload
    def open(self, name: EvaluationName, after_sequence: int = 0) -> AbstractContextManager[Watch[Evaluation]]: ...

    @overload
    def open(self, name: BatchJobName, after_sequence: int = 0) -> AbstractContextManager[Watch[BatchJob]]: ...

    @contextmanager
    def open(self, name: Name, after_sequence: int = 0) -> Iterator[Watch[Any]]:
        """Watch a resource with a job until the block ends.

        Raises:
            ExhaustedError: The tenant has too many watches open.
            UnavailableError: The server is shutting down.
        """
        if self._closed:
            raise _restarting(name, after_sequence)
        if self._counts[name.tenant] >= self._max_per_tenant:
            raise ExhaustedError(
                f"The tenant has {self._max_per_tenant} watches open, which is the limit. End a watch, or raise "
                "FOREWORD_MAX_WATCHES.",
                reason="TOO_MANY_WATCHES",
                metadata={"limit": str(self._max_per_tenant)},
                retry_after=_RETRY_AFTER,
                quota=str(TenantName(name.tenant)),
            )
        watch: Watch[Any] = Watch(after_sequence)
        self._counts[name.tenant] += 1
        self._open.setdefault(name, set()).add(watch)
        self._woken.set()
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll(), name="watches")
        try:
            yield watch
        finally:
            self._leave(name, watch)

    def close(self) -> None:
        """End every watch, so that none delays the shutdown. The error states where to resume."""
        self._closed = True
        for name, watches in self._open.items():
            for watch in watches:
                watch.fail(_restarting(name, watch.sequence))

    def _leave(self, name: Name, watch: Watch[Any]) -> None:
        self._open[name].remove(watch)
        if not self._open[name]:
            del self._open[name]
        self._counts[name.tenant] -= 1
        if not self._counts[name.tenant]:
            del self._counts[name.tenant]
        if not self._open:
            self._woken.set()  # so that the task ends now

    async def _poll(self) -> None:
        """Hand changes to the watches as long as any is open."""
        while self._open:
            self._woken.clear()
            try:
                await self._give_changes()
            except Exception as error:  # the root of a task: every caller gets the error, as in a call of its own
                if not isinstance(error, ForewordError):
                    _log.exception("watching_failed")
                for watches in self._open.values():
                    for watch in watches:
                        watch.fail(error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), POLL_SECONDS)

    async def _give_changes(self) -> None:
        asked = list(self._open)
        versions = await self._storage.run(SERVICE, READ_SECONDS, self._versions.read, asked)
        tenants: dict[str, list[Name]] = {}
        for name in asked:
            tenants.setdefault(name.tenant, []).append(name)
        # Tenants do not wait for each other: one may have many watches, or many calls that wait for a thread.
        await asyncio.gather(*(self._give_changes_of(names, versions) for names in tenants.values()))

    async def _give_changes_of(self, names: Sequence[Name], versions: Mapping[Name, Version]) -> None:
        """Hand changes to the watches of one tenant."""
        for name in names:
            version = versions.get(name)
            behind = [watch for watch in self._open.get(name, ()) if version is None or watch.version != version]
            if not behind:
                continue
            if version is None:
                _fail(behind, NotFoundError.of(str(name)))
                continue
            after = min(watch.sequence for watch in behind)
            try:
                seen = await self._storage.run(name.tenant, READ_SECONDS, self._read, name, after)
            except ForewordError as error:  # it concerns this resource only, so the others are still read
                _fail(behind, error)
                continue
            for watch in behind:
                watch.give(seen, version)

    def _read(self, name: Name, after_sequence: int) -> TuneExperiment | Evaluation | BatchJob:
        if isinstance(name, EvaluationName):
            return EvaluationRepository(self._database, name.tenant).get(name.evaluation)
        if isinstance(name, BatchJobName):
            return BatchJobRepository(self._database, name.tenant).get(name.batch_job)
        repository = ExperimentRepository(self._database, name.tenant)
        return repository.get(name.tune_experiment, after_sequence=after_sequence)


def _with_snapshots(item: Item, snapshots: tuple[Snapshot, ...]) -> Item:
    """Return an experiment with other snapshots; other resources have none."""
    return dataclasses.replace(item, snapshots=snapshots) if isinstance(item, TuneExperiment) else item


def _fail(watches: list[Watch[Any]], error: ForewordError) -> None:
    for watch in watches:
        watch.fail(error)


def _restarting(name: Name, sequence: int) -> UnavailableError:
    again = f" with after_sequence {sequence}" if isinstance(name, TuneExperimentName) else ""
    return UnavailableError(f"The service is restarting. Watch again{again}.", reason="DRAINING")
