"""The journal of usage: what this server answers is written to a file at once and added to the database in batches.

A line is written before its answer is sent, so that an acknowledged request is counted even if the process is killed.
The transaction that adds lines to the sums also stores where they end, so that no line is counted twice. Files that a
process has left are taken over by the next one that uses the folder.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import delete, select

from foreword.domain.usage import UsageKey
from foreword.observability.logging import get_logger
from foreword.private_files import make_private_folder
from foreword.storage.database import Database
from foreword.storage.quotas.sums import add_usage, day_of
from foreword.storage.tables import TenantRow, UsageSegmentRow
from foreword.storage.usage.segments import KINDS, SUFFIX, Segment, line_of

FAILPOINTS: Final = ("usage.roll_up.before_commit", "usage.roll_up.after_commit", "usage.delete.after_file")
"""The points at which `failpoint` is called, for tests that kill the process there."""
SEGMENT_BYTES: Final = 4 * 2**20
"""Size from which a new file is begun and the old one deleted once it is part of the sums."""
CHUNK_BYTES: Final = 2**20
"""Bytes that one transaction adds at most, so that it is short."""
_CLOCK_DIFFERENCE: Final = timedelta(hours=1)
"""Time by which the clock of a server may be behind that of the database."""
_log = get_logger("usage")


class UsageJournal:
    """The journal of one process. `append` is called on the event loop, the other methods in threads.

    Args:
        folder: Where the files are; servers may share it.
        failpoint: Called with a name of FAILPOINTS when that point is reached.
    """

    def __init__(self, folder: Path, database: Database, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._database = database
        self._failpoint = failpoint
        self._lock = threading.Lock()
        self._rolling = threading.Lock()
        self._current: Segment | None = None
        self._closed: list[Segment] = []
        self._unwritten: Counter[UsageKey] = Counter()
        self._is_writable = True

    def append(
        self, tenant: str, day: str, model: str, *, requests: int, input: int, output: int, virtual: int
    ) -> None:
        """Write down an answer. If the disk does not allow it, the answer is counted in memory until the next batch."""
        with self._lock:
            try:
                if self._current is None:
                    self._current = self._begin()
                self._current.append(line_of(tenant, day, model, requests, input, output, virtual))
            except OSError as error:
                for kind, number in zip(KINDS, (requests, input, output, virtual), strict=True):
                    self._unwritten[UsageKey(tenant, day, model, kind.value)] += number
                if self._is_writable:
                    _log.error("usage_journal_unwritable", folder=str(self._folder), error=str(error))
                self._is_writable = False
            else:
                self._is_writable = True

    @property
    def waiting_bytes(self) -> int:
        """Number of bytes that are not yet part of the sums."""
        with self._lock:
            return sum(segment.size - segment.rolled for segment in self._segments())

    def roll_up(self) -> None:
        """Add all that was written, here and by processes that have died, to the sums in the database.

        Raises:
            UnavailableError: The database cannot be reached; nothing is lost.
            OSError: The folder cannot be read.
        """
        with self._rolling:
            self._take_over()
            while self._roll_up_chunk():
                pass
            self._store_unwritten()
            self._turn_over()

    def close(self) -> None:
        """Delete the files that are part of the sums, and leave the others to the next process."""
        with self._rolling, self._lock:
            for segment in self._segments():
                if segment.rolled == segment.size:
                    self._delete(segment)
                else:
                    segment.close()
            self._current, self._closed = None, []

    def _segments(self) -> Sequence[Segment]:
        return [*self._closed, *(() if self._current is None else (self._current,))]

    def _begin(self) -> Segment:
        make_private_folder(self._folder)
        return Segment.create(self._folder)

    def _take_over(self) -> None:
        """Lock the files that other processes have left."""
        if not self._folder.is_dir():
            return
        own = {segment.path for segment in self._segments()}
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if path in own:
                continue
            left = Segment.take_over(path)
            if left is not None:
                _log.info("usage_taken_over", segment=left.id, byte_size=left.size)
                self._closed.append(left)

    def _roll_up_chunk(self) -> bool:
        """Add a chunk of the lines to the sums. Return whether there was one."""
        with self._lock:
            ends = [(segment, segment.size) for segment in self._segments()]
        todo = [(segment, end) for segment, end in ends if segment.rolled < end]
        if not todo:
            return False
        self._read_offsets([segment for segment, _ in todo])
        sums: Counter[UsageKey] = Counter()
        reached: list[tuple[Segment, int]] = []
        left = CHUNK_BYTES
        for segment, end in todo:
            amounts, place = segment.read(segment.rolled, end, left)
            sums.update(amounts)
            if place > segment.rolled:
                reached.append((segment, place))
            elif segment is not self._current and end - segment.rolled <= left:
                segment.size = segment.rolled  # its process died while it wrote the last line: nobody got that answer
            left -= place - segment.rolled
            if left <= 0:
                break
        if not reached:
            return False
        with self._database.write() as session:
            add_usage(session, self._of_tenants(sums))
            now = self._database.clock(session)
            for segment, place in reached:
                session.merge(UsageSegmentRow(id=segment.id, rolled_bytes=place, update_time=now))
            session.flush()
            self._failpoint("usage.roll_up.before_commit")
        self._failpoint("usage.roll_up.after_commit")
        for segment, place in reached:
            segment.rolled = place
        return True

    def _read_offsets(self, segments: Sequence[Segment]) -> None:
        """Read how much is part of the sums. A commit whose answer was lost has stored more than is known here."""
        with self._database.read() as session:
            stored = session.execute(
                select(UsageSegmentRow.id, UsageSegmentRow.rolled_bytes).where(
                    UsageSegmentRow.id.in_([segment.id for segment in segments])
                )
            )
            offsets = {id: rolled for id, rolled in stored}  # noqa: C416 - mypy rejects dict(rows)
        for segment in segments:
            segment.rolled = min(offsets.get(segment.id, segment.rolled), segment.size)

    def _of_tenants(self, sums: Counter[UsageKey]) -> Counter[UsageKey]:
        """Return the sums without those of tenants that do not exist any more, also if a new one has the same id."""
        rows = select(TenantRow.id, TenantRow.create_time).where(TenantRow.id.in_({key.tenant for key in sums}))
        with self._database.read() as session:
            first_days = {id: day_of(created - _CLOCK_DIFFERENCE) for id, created in session.execute(rows)}
        return Counter(
            {
                key: amount
                for key, amount in sums.items()
                if key.tenant in first_days and key.day >= first_days[key.tenant]
            }
        )

    def _store_unwritten(self) -> None:
        """Add what could not be written to a file."""
        with self._lock:
            amounts, self._unwritten = self._unwritten, Counter()
        if not amounts:
            return
        try:
            with self._database.write() as session:
                add_usage(session, self._of_tenants(amounts))
        except BaseException:
            with self._lock:
                self._unwritten.update(amounts)
            raise

    def _turn_over(self) -> None:
        """Begin a new file if the current one is large, and delete those that are part of the sums."""
        with self._lock:
            if self._current is not None and self._current.size >= SEGMENT_BYTES:
                with contextlib.suppress(OSError):  # the large one goes on
                    following = self._begin()
                    self._closed.append(self._current)
                    self._current = following
        for segment in list(self._closed):
            if segment.rolled == segment.size:
                self._delete(segment)
                self._closed.remove(segment)

    def _delete(self, segment: Segment) -> None:
        # The file first: without its row, it would be counted again.
        segment.delete()
        self._failpoint("usage.delete.after_file")
        with self._database.write() as session:
            session.execute(delete(UsageSegmentRow).where(UsageSegmentRow.id == segment.id))
