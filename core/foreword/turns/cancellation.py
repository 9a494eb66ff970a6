"""What long work in threads calls again and again: checks whether its caller still waits, and whether others wait."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

from foreword.errors import CancelledError


class CancellationToken:
    """A flag that any thread can set, and that long work checks."""

    __slots__ = ("_cancelled",)

    def __init__(self) -> None:
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """True if the work should stop."""
        return self._cancelled

    def cancel(self) -> None:
        """Request the end of the work. A second call does nothing."""
        self._cancelled = True

    def check(self) -> None:
        """Raise an error if the work should stop.

        Raises:
            CancelledError: The work was cancelled.
        """
        if self._cancelled:
            raise CancelledError("The caller no longer waits for the result.")

    def give_way(self) -> None:
        """Raise an error if the work should stop, or block while others have their turn.

        Raises:
            CancelledError: The work was cancelled.
        """
        self.check()


_current: ContextVar[CancellationToken | None] = ContextVar("cancellation", default=None)


def check_cancelled() -> None:
    """Raise an error if nobody waits for the result of the current work. Call it in long loops; it takes about 0.2 us.

    In a `TurnPool`, the tenant is also charged in advance for the time until later calls. Outside of work that can be
    cancelled, it does nothing.

    Raises:
        CancelledError: The caller has gone.
    """
    token = _current.get()
    if token is not None:
        token.check()


def give_way() -> None:
    """Do what `check_cancelled` does, and in a `TurnPool` also block while it is the turn of another tenant.

    Call it in loops that can take seconds, and only where the work holds nothing that other work may wait for, such as
    a lock or a transaction.

    Raises:
        CancelledError: The caller has gone.
    """
    token = _current.get()
    if token is not None:
        token.give_way()


@contextlib.contextmanager
def cancellable(token: CancellationToken) -> Iterator[None]:
    """Let `check_cancelled` check this token in the block."""
    previous = _current.set(token)
    try:
        yield
    finally:
        _current.reset(previous)
