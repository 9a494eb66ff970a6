"""The limit on concurrent uploads, whose rows stay on disk until the file is checked and stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from foreword.errors import ExhaustedError
from foreword.turns.shares import exceeds_share

# An upload takes resources even before it sends anything.
_LEAST_BYTES = 2**20
_RETRY_AFTER = timedelta(seconds=5)


class UploadBudget:
    """A limit on the bytes of all running uploads, on one event loop.

    No tenant can use up the budget of the others: when it is exhausted, a tenant below an equal share may continue, so
    that at most twice `max_bytes` are held. A single upload may have any size.

    Args:
        max_bytes: Limit in received bytes. The rows take as much space on disk. In memory, an upload takes at most
            about as much as it has received, and about 120 MB for a file of 200 MB.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Counter[str] = Counter()

    @contextmanager
    def open(self, tenant: str) -> Iterator[Callable[[int], None]]:
        """Reserve room for one upload. The block calls the yielded function with the size received so far.

        Raises:
            ExhaustedError: There is no room for another upload. The function raises it if there is no room for more
                bytes.
        """
        held = 0

        def hold(byte_count: int) -> None:
            nonlocal held
            more = max(byte_count, _LEAST_BYTES) - held
            if more > 0:
                self._take(tenant, more, alone=self._held.total() == held)
                held += more

        hold(0)
        try:
            yield hold
        finally:
            self._held[tenant] -= held
            if not self._held[tenant]:
                del self._held[tenant]

    def _take(self, tenant: str, more: int, *, alone: bool) -> None:
        if not alone and exceeds_share(self._held, tenant, more, self._max_bytes):
            raise ExhaustedError(
                # Not how many bytes are held: most of them belong to other tenants.
                f"Too many bytes are being uploaded or checked; the limit is {self._max_bytes:,}. Try again later, or "
                "raise FOREWORD_MAX_OPEN_UPLOAD_BYTES.",
                reason="TOO_MANY_UPLOADS",
                metadata={"limit": str(self._max_bytes)},
                retry_after=_RETRY_AFTER,
            )
        self._held[tenant] += more
