"""Checkpoints of runs. The newest complete checkpoint is found even if writing another one was interrupted.

A checkpoint is one file that begins with a marker, an HMAC and the length of its payload. The HMAC covers the name of
the file, so that a checkpoint of another run or step is not mistaken for this one. Its key is in the database, so that
the right to write to the artifact store is not enough to forge one. Names are ordered by the epoch of the lease
first, so that a worker that has lost its lease never hides the checkpoints of its successor.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from foreword.errors import LeaseLostError
from foreword.observability.logging import get_logger
from foreword.storage.artifacts.keys import check_key
from foreword.storage.artifacts.outages import as_os_error, translate_outages
from foreword.storage.artifacts.store import open_place

_log = get_logger("checkpoints")

_MARK = b"FWCHKPT3"
_HEADER_LENGTH = len(_MARK) + 32 + 8
_NAME = re.compile(r"(\d{8})-(\d{12})\.checkpoint")
_KEPT = 2

FAILPOINTS = ("checkpoints.before_prune",)
"""The points, besides those of artifacts, at which `failpoint` is called, for tests that kill the process there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A complete checkpoint: the state of a run after a number of updates."""

    step: int
    payload: bytes


class CheckpointStore:
    """The checkpoints of runs, in the artifact store.

    Every method raises UnavailableError if the store is unavailable or full.

    Args:
        artifacts_url: URL of the artifact store.
        key: Secret of all workers of a service, which authenticates checkpoints.
        failpoint: Called with a name of FAILPOINTS when that point is reached.
    """

    def __init__(
        self, artifacts_url: str | Path, *, key: bytes, failpoint: Callable[[str], None] = lambda _: None
    ) -> None:
        self._place = open_place(artifacts_url, failpoint)
        self._key = key
        self._failpoint = failpoint

    @translate_outages()
    def write_checkpoint(self, key: str, epoch: int, step: int, payload: bytes) -> None:
        """Store a checkpoint durably, then delete all but the newest two.

        Args:
            key: Key from `artifact_keys.checkpoints_key`.
            epoch: Epoch of the worker's lease.
            step: Number of completed updates.

        Raises:
            LeaseLostError: Another worker has ended the run and deleted its checkpoints.
        """
        folder = check_key(key)
        file = f"{folder}/{_name(epoch, step)}"
        try:
            self._place.write_file(file, self._header(file, payload) + payload)
        except FileNotFoundError:
            raise LeaseLostError(f"The checkpoints {key} were deleted. Abandon the run.") from None
        self._failpoint("checkpoints.before_prune")
        for name in self._newest_first(folder)[_KEPT:]:
            self._place.delete(f"{folder}/{name}")

    def first_file(self, key: str, checkpoint: Checkpoint) -> dict[str, bytes]:
        """Return the name and the content of the file from which a new run continues that of another one.

        Args:
            key: Key of the new run. Checkpoints of its own leases count as newer.
        """
        name = _name(0, checkpoint.step)
        return {name: self._header(f"{check_key(key)}/{name}", checkpoint.payload) + checkpoint.payload}

    def latest_checkpoint(self, key: str) -> bytes | None:
        """Return the payload of the newest complete checkpoint; None if there is none."""
        newest = self.newest_checkpoint(key)
        return None if newest is None else newest.payload

    @translate_outages()
    def newest_checkpoint(self, key: str) -> Checkpoint | None:
        """Return the newest complete checkpoint, ignoring corrupt and partial ones; None if there is none."""
        folder = check_key(key)
        for name in self._newest_first(folder):
            # Another worker may delete old checkpoints at the same time.
            with suppress(FileNotFoundError), self._place.open(f"{folder}/{name}") as stream:
                content = as_os_error(stream.read)
                payload = content[_HEADER_LENGTH:]
                if hmac.compare_digest(content[:_HEADER_LENGTH], self._header(f"{folder}/{name}", payload)):
                    return Checkpoint(step=int(name.removesuffix(".checkpoint").rpartition("-")[2]), payload=payload)
                _log.warning("checkpoint_corrupt", checkpoint=f"{folder}/{name}")
        return None

    def _newest_first(self, folder: str) -> list[str]:
        names = [name for name in self._place.names(folder) if _NAME.fullmatch(name)]
        return sorted(names, reverse=True)

    def _header(self, file: str, payload: bytes) -> bytes:
        """Return the header of a checkpoint with this name and payload."""
        code = hmac.new(self._key, file.encode() + b"\0", hashlib.sha256)
        code.update(payload)
        return _MARK + code.digest() + len(payload).to_bytes(8, "big")


def _name(epoch: int, step: int) -> str:
    return f"{epoch:08d}-{step:012d}.checkpoint"
