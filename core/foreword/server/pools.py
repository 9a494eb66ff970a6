"""The threads of the server, one pool for each kind of blocking work, and what the work costs."""

from __future__ import annotations

import time
from typing import Final

from foreword.turns.turn_pool import TurnPool

READ_SECONDS: Final = 0.002
"""Estimated cost of reading one resource or a page of them."""
WRITE_SECONDS: Final = 0.01
"""Estimated cost of a transaction that writes."""
ROW_SECONDS: Final = 10e-6
"""Estimated cost of reading a stored row."""
CHECK_SECONDS_PER_BYTE: Final = 0.3e-6
"""Estimated cost of checking a file, for each of its bytes."""
PLAN_SECONDS: Final = 0.05
"""Estimated cost of a plan, without that of its rows."""
PLAN_SECONDS_PER_BYTE: Final = 2e-6
"""Estimated cost of a plan for each byte of the stored rows."""
HOOK_SECONDS: Final = 0.01
"""Estimated time of a hook in a plugin."""

_HOOK_THREADS: Final = 32
"""Number of concurrent requests in plugins: as many as the engine decodes together. Most plugins only wait."""


class Pools:
    """The pools of threads of one server. Calls take turns between tenants in each; see `TurnPool`.

    Each kind of work has its own threads: if long work ran with look-ups, a few large files or a slow plugin would
    delay the look-ups of all other requests.

    Attributes:
        keys: Looks up API keys, by address of the client instead of tenant.
        storage: Reads and writes the database and the artifact store.
        work: Checks files and plans experiments. Python runs one thread at a time, so that more threads would only slow
            down the event loop.
        hooks: Runs plugins before requests for inference.
        notices: Runs plugins after requests for inference, one call after the other.
    """

    def __init__(self) -> None:
        self.keys = TurnPool("foreword-keys", threads=2, max_waiting=10_000, clock=time.monotonic)
        self.storage = TurnPool("foreword-storage", threads=6, clock=time.monotonic)
        self.work = TurnPool("foreword-work", threads=4)
        self.hooks = TurnPool("foreword-before", threads=_HOOK_THREADS, clock=time.monotonic)
        self.notices = TurnPool("foreword-after", threads=1, max_waiting=100_000, clock=time.monotonic)

    def close(self) -> None:
        """Close all pools. Waiting calls fail with UnavailableError."""
        for pool in (self.keys, self.storage, self.work, self.hooks, self.notices):
            pool.close()
