"""What the requests of all tenants may hold together: memory, disk, and calls of the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from starlette.requests import Request

from foreword.errors import ExhaustedError
from foreword.http.callers import tenant_of, until_answered
from foreword.http.errors import RequestError
from foreword.turns.shares import exceeds_share

MAX_OPEN_CALLS: Final = 1_024
"""Maximum number of calls that all requests for several choices have open: eight of the largest requests. Requests for
one choice are not counted, because a connection has one of them at a time, and connections have limits of their own."""
_RETRY_AFTER: Final = timedelta(seconds=2)


class Budget:
    """A limit that tenants share: none of them can use it up for the others.

    Args:
        most: The most that all tenants hold together. A tenant below an equal share may exceed it, so that at most
            twice as much is held.
        refusal: Returns the error for a tenant that asks for more than is left.
    """

    def __init__(self, most: int, refusal: Callable[[], Exception]) -> None:
        self._most = most
        self._refusal = refusal
        self._held: Counter[str] = Counter()

    def take(self, tenant: str, amount: int) -> None:
        """Take a part.

        Raises:
            RequestError: There is too little left.
            ExhaustedError: Likewise, for calls.
        """
        if exceeds_share(self._held, tenant, amount, self._most):
            raise self._refusal()
        self._held[tenant] += amount

    def release(self, tenant: str, amount: int) -> None:
        """Return a part."""
        self._held[tenant] -= amount
        if not self._held[tenant]:
            del self._held[tenant]


async def hold_calls(request: Request, number: int) -> None:
    """Count the calls of a request until it is answered. A single one is not counted.

    Raises:
        ExhaustedError: The tenant has too many open.
        UnauthenticatedError: The caller has no valid key.
    """
    if number < 2:
        return
    budget: Budget = request.app.state.calls
    tenant = await tenant_of(request)
    budget.take(tenant, number)
    until_answered(request, lambda: budget.release(tenant, number))


def bodies_busy() -> RequestError:
    """Return the error for a body for which there is no memory."""
    return RequestError("Too many large requests are being read at once. Try again.", status=503, reason="BODIES_BUSY")


def calls_busy() -> ExhaustedError:
    """Return the error for a request whose choices are too many beside those that are being generated."""
    return ExhaustedError(
        f"Your tenant has too many choices open at once; all requests for several choices together may have "
        f"{MAX_OPEN_CALLS:,}. Wait for some to end, or ask for fewer prompts or a smaller n at once.",
        reason="TOO_MANY_CHOICES",
        retry_after=_RETRY_AFTER,
    )
