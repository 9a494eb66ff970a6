"""Checkpoints of runs: the newest complete one is found, whatever happened while others were written.

A checkpoint is one file that begins with a mark, the SHA-256 and the length of what follows. Its name orders it by the
epoch of the lease first: what a worker writes after it lost its lease never hides the work of its successor.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from foreword.errors import LeaseLostError
from foreword.storage.artifact_keys import check_key
from foreword.storage.artifacts import open_place
from foreword.storage.outages import as_os_error, translate_outages

_MARK = b"FWCHKPT1"
_HEADER_LENGTH = len(_MARK) + 32 + 8
_NAME = re.compile(r"(\d{8})-(\d{12})\.checkpoint")
_KEPT = 2

FAILPOINTS = ("checkpoints.before_prune",)
"""Moments at which `failpoint` is called, besides those of artifacts, for tests that kill the process there."""


class CheckpointStore:
    """The checkpoints of runs, in the artifact store.

    Each method raises UnavailableError when the store is away or full.

    Args:
        artifacts_url: That of the artifact store.
        failpoint: Called with each name of FAILPOINTS as the moment comes.
    """

    def __init__(self, artifacts_url: str | Path, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._place = open_place(artifacts_url, failpoint)
        self._failpoint = failpoint

    @translate_outages()
    def write_checkpoint(self, key: str, epoch: int, step: int, payload: bytes) -> None:
        """Stores a checkpoint durably, then drops all but the newest two.

        Args:
            key: From `artifact_keys.checkpoints_key`.
            epoch: That of the worker's lease.
            step: Updates done.

        Raises:
            LeaseLostError: Whoever owns the run now has ended it and deleted its checkpoints meanwhile.
        """
        folder = check_key(key)
        header = _MARK + hashlib.sha256(payload).digest() + len(payload).to_bytes(8, "big")
        try:
            self._place.write_file(f"{folder}/{epoch:08d}-{step:012d}.checkpoint", header + payload)
        except FileNotFoundError:
            raise LeaseLostError(f"The checkpoints {key} were deleted. Drop the run.") from None
        self._failpoint("checkpoints.before_prune")
        for name in self._newest_first(folder)[_KEPT:]:
            self._place.delete(f"{folder}/{name}")

    @translate_outages()
    def latest_checkpoint(self, key: str) -> bytes | None:
        """The newest complete checkpoint; corrupt and partial ones are passed over. None when there is none."""
        folder = check_key(key)
        for name in self._newest_first(folder):
            # Another worker may prune while this one looks.
            with suppress(FileNotFoundError), self._place.open(f"{folder}/{name}") as stream:
                payload = _payload(as_os_error(stream.read))
                if payload is not None:
                    return payload
        return None

    @translate_outages()
    def delete_checkpoints(self, key: str) -> None:
        """Deletes all checkpoints of a run; nothing happens when there are none."""
        self._place.delete(check_key(key))

    def _newest_first(self, folder: str) -> list[str]:
        names = [name for name in self._place.names(folder) if _NAME.fullmatch(name)]
        return sorted(names, reverse=True)


def _payload(content: bytes) -> bytes | None:
    """What a checkpoint file holds; None unless it is complete and unharmed."""
    header, payload = content[:_HEADER_LENGTH], content[_HEADER_LENGTH:]
    expected = _MARK + hashlib.sha256(payload).digest() + len(payload).to_bytes(8, "big")
    return payload if header == expected else None
