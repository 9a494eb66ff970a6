"""How much of files may be under way at once: what arrives stays in memory until the file is checked and stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from foreword.errors import ExhaustedError

# An upload that sends nothing takes memory too.
_LEAST_BYTES = 2**20
_RETRY_AFTER = timedelta(seconds=5)


class UploadBudget:
    """Bounds the bytes of all uploads under way. Lives on one event loop.

    One tenant cannot take all of it from the others: when it is spent, a tenant that holds less than an equal share may
    still go on, so that at most twice `max_bytes` are ever held. An upload that is alone may be of any size.

    Args:
        max_bytes: Bytes as they arrive; their rows take a few times that in memory.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Counter[str] = Counter()

    @contextmanager
    def open(self, tenant: str) -> Iterator[Callable[[int], None]]:
        """Room for one upload until the block ends: what it gives is to be called with the size that has arrived.

        Raises:
            ExhaustedError: There is no room for one more; the function raises it when there is none for more of it.
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
        total, own = self._held.total(), self._held.get(tenant, 0)
        share = self._max_bytes // (len(self._held) + (0 if own else 1))
        if not alone and total + more > self._max_bytes and own + more > share:
            raise ExhaustedError(
                f"Files of {total:,} bytes are being uploaded or checked, and {self._max_bytes:,} may be at once. Try "
                "again later, or raise FOREWORD_MAX_OPEN_UPLOAD_BYTES.",
                reason="TOO_MANY_UPLOADS",
                metadata={"limit": str(self._max_bytes)},
                retry_after=_RETRY_AFTER,
            )
        self._held[tenant] += more
