# Generated from `_async/watching.py` by `unasync.py`. Change that file, then run: make client

"""Watching of resources that change, over as many streams as it takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, Protocol, TypeVar

from foreword.client._sync.service import ServiceMethods
from foreword.client._sync.waiting import sleep
from foreword.client.reference import Reference
from foreword.client.status import AttemptError
from foreword.domain.failure import Failure
from foreword.domain.job import JobState
from foreword.errors import CancelledError, DeadlineExceededError, FailedPreconditionError, NotFoundError


class Job(Protocol):
    """A resource that a worker works on."""

    @property
    def name(self) -> str:
        """Resource name."""

    @property
    def state(self) -> JobState:
        """Current state."""

    @property
    def failure(self) -> Failure | None:
        """Reason why it failed; None if it did not."""


Watched = TypeVar("Watched", bound=Job)

_STREAM_SECONDS = 120.0
"""Maximum duration of one stream: a proxy that answers pings itself may have lost the service behind it."""

LOST_SECONDS = 60.0
"""Time without the service after which a watch gives up."""


class WatchMethods(ServiceMethods):
    """The part that all methods which watch a resource have in common."""

    def _watched(
        self,
        method: Any,
        request: Any,
        resource: Reference,
        collection: str,
        deadline: float,
        *,
        lost_seconds: float = LOST_SECONDS,
    ) -> Generator[Any]:
        """Yield the messages of a watch until the deadline, a time of `time.monotonic`, has passed.

        A stream that ends or breaks is followed by another. The caller closes the generator when the resource has
        ended. It may change the request between two messages: the next stream begins with what is set then.

        Args:
            resource: The caller's reference to the watched resource, whose name is set in the request.
            lost_seconds: Time for which streams may fail before the watch gives up.

        Raises:
            NotFoundError: The resource does not exist in the caller's tenant.
            UnavailableError: The service was unavailable for that time.
        """
        request.name = asked = self._name(resource, collection)
        last_heard, failing_since = time.monotonic(), math.inf
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                with closing(
                    self._connection.stream(method, request, timeout_seconds=min(_STREAM_SECONDS, remaining))
                ) as messages:
                    for message in messages:
                        last_heard, failing_since = time.monotonic(), math.inf
                        yield message
            except AttemptError as failure:
                if time.monotonic() >= deadline:
                    return
                if isinstance(failure.error, NotFoundError) and request.name == asked:
                    request.name = self._renamed(failure.error, resource, collection)
                    continue
                now, quiet = time.monotonic(), isinstance(failure.error, DeadlineExceededError)
                if not quiet:
                    failing_since = min(failing_since, now)
                since, most = (last_heard, lost_seconds + _STREAM_SECONDS) if quiet else (failing_since, lost_seconds)
                if now - since > most or not (quiet or failure.repeatable):
                    raise failure.error from failure.__cause__
            # A service that is shutting down closes streams at once; do not busy-loop.
            sleep(max(0.0, min(0.25, deadline - time.monotonic())))

    def _succeeded(
        self,
        changes: Generator[Watched],
        name: str,
        deadline: float,
        on_change: Callable[[Watched], None] | None,
        cancelled: str,
    ) -> Watched:
        """Wait until a watched job has succeeded and return it as the watch did.

        Args:
            changes: The watch, which ends at the deadline.
            name: Resource name for the error if nothing arrives in time.
            on_change: Called with the job whenever it changes.
            cancelled: Reason of the error if the job was cancelled.

        Raises:
            FailedPreconditionError: The job failed; the message has the reason.
            CancelledError: The job was cancelled.
            DeadlineExceededError: The job has not ended in time.
        """
        for current in changes:
            name = current.name
            if on_change is not None:
                on_change(current)
            if current.state is JobState.CANCELLED:
                raise CancelledError(f"{name} was cancelled.", reason=cancelled)
            if current.failure is not None and current.state is JobState.FAILED:
                raise FailedPreconditionError(
                    f"{name} failed: {current.failure.message}", reason=current.failure.reason
                )
            if current.state.ended:
                return current
            if time.monotonic() >= deadline:
                break
        raise DeadlineExceededError(f"{name} has not ended in time. It continues; wait for it again later.")
