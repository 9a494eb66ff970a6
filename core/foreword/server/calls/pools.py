"""The threads of the server, one pool for each kind of blocking work, and what the work costs."""

from __future__ import annotations

import time
from typing import Final

from foreword.turns.turn_pool import TurnPool

BEGIN_SECONDS: Final = 0.001
"""Estimated cost of the beginning of work that pays for the rest as it goes; see `TurnPool`."""
READ_SECONDS: Final = 0.002
"""Estimated cost of reading one resource or a page of them."""
WRITE_SECONDS: Final = 0.01
"""Estimated cost of a transaction that writes."""
ROW_SECONDS: Final = 10e-6
"""Estimated cost of reading a stored row."""
SKIPPED_ROW_SECONDS: Final = 0.5e-6
"""Estimated cost of a stored row before the first one that is read."""
CODE_SECONDS_PER_BYTE: Final = 4e-9
"""Estimated cost of receiving and parsing, or of serialising and sending a message, for each of its bytes."""
HOOK_SECONDS: Final = 0.01
"""Estimated time of a hook in a plugin."""

_BUSY_THREADS: Final = 2
_WAITING_THREADS: Final = 8
_HOOK_THREADS: Final = 32
"""Number of concurrent requests in plugins: as many as the engine decodes together. Most plugins only wait."""
_RESOLVING_THREADS: Final = 16


class Pools:
    """The pools of threads of one server. Calls take turns between tenants in each; see `TurnPool`.

    Each kind of work has its own threads: if long work ran with look-ups, a few large files or a slow plugin would
    delay the look-ups of all other requests. Pools whose threads compute have few of them: Python runs one thread at a
    time, and the event loop waits for each of them in turn (see `change_threads_often`). With six threads instead of
    two and turns of 5 ms, a tenant's GetDataset took 430 ms instead of 22 while another tenant kept 100 calls under way
    (`tests/benchmarks/floods.py`, two cores).

    Args:
        database_waits: Whether the database is another process, so that threads mostly wait for it.

    Attributes:
        keys: Looks up API keys, by address of the client instead of tenant.
        strange_keys: Looks up keys that are probably invented, apart from the others however many clients send them.
        storage: Reads and writes the database.
        files: Reads and writes the artifact store, together with the rows of the database that refer to it.
        parsing: Parses large requests for inference.
        work: Checks files and plans experiments.
        hooks: Runs plugins before requests for inference.
        notices: Runs plugins after requests for inference, one call after the other.
        resolving: Finds the addresses of the receivers of webhooks, which tenants choose and which may not answer.
    """

    def __init__(self, *, database_waits: bool) -> None:
        self.keys = TurnPool("foreword-keys", threads=2, max_waiting=10_000, clock=time.monotonic)
        self.strange_keys = TurnPool("foreword-strange", threads=1, clock=time.monotonic)
        storage_threads = _WAITING_THREADS if database_waits else _BUSY_THREADS
        self.storage = TurnPool("foreword-storage", threads=storage_threads, clock=time.monotonic)
        self.files = TurnPool("foreword-files", threads=_BUSY_THREADS, clock=time.monotonic)
        self.parsing = TurnPool("foreword-parsing", threads=_BUSY_THREADS)
        self.work = TurnPool("foreword-work", threads=_BUSY_THREADS)
        self.hooks = TurnPool("foreword-before", threads=_HOOK_THREADS, clock=time.monotonic)
        self.notices = TurnPool("foreword-after", threads=1, max_waiting=100_000, clock=time.monotonic)
        self.resolving = TurnPool("foreword-resolving", threads=_RESOLVING_THREADS, clock=time.monotonic)

    def close(self) -> None:
        """Close all pools. Waiting calls fail with UnavailableError."""
        for pool in vars(self).values():
            pool.close()
