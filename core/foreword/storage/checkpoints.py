"""Checkpoints of runs: the newest complete one is found, whatever happened while others were written.

A checkpoint is one file that begins with a mark, the SHA-256 and the length of what follows. Its name orders it by the
epoch of the lease first: what a worker writes after it lost its lease never hides the work of its successor.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from foreword.errors import LeaseLostError
from foreword.storage.artifacts import check_key, open_place
from foreword.storage.outages import as_os_error, outages_told

_MARK = b"FWCHKPT1"
_HEADER_LENGTH = len(_MARK) + 32 + 8
_NAME = re.compile(r"(\d{8})-(\d{12})\.checkpoint")
_KEPT = 2

FAILPOINTS = ("checkpoints.before_prune",)
"""Moments at which `failpoint` is called, besides those of artifacts, for tests that kill the process there."""


def run_key(tenant: str, experiment: str, create_time: datetime) -> str:
    """Where the checkpoints of an experiment are.

    The time sets it apart from an earlier experiment of the same id, whose checkpoints may be left: their epochs can
    be higher, so that they would be taken for the newest.
    """
    return f"{tenant}/{experiment}.{create_time.astimezone(UTC):%Y%m%dT%H%M%S%f}"


class CheckpointStore:
    """Checkpoints below the artifact store's root, apart from the artifacts.

    Each method raises UnavailableError when the store is away or full.

    Args:
        artifacts_url: That of the artifact store.
        failpoint: Called with each name of FAILPOINTS as the moment comes.
    """

    def __init__(self, artifacts_url: str | Path, *, failpoint: Callable[[str], None] = lambda _: None) -> None:
        self._place = open_place(artifacts_url, failpoint)
        self._failpoint = failpoint

    @outages_told()
    def write_checkpoint(self, run_key: str, epoch: int, step: int, payload: bytes) -> None:
        """Stores a checkpoint durably, then drops all but the newest two.

        Args:
            run_key: Names the run; segments as in artifact keys.
            epoch: That of the worker's lease.
            step: Updates done.

        Raises:
            LeaseLostError: Whoever owns the run now has ended it and deleted its checkpoints meanwhile.
        """
        folder = checkpoints_prefix(run_key)
        header = _MARK + hashlib.sha256(payload).digest() + len(payload).to_bytes(8, "big")
        try:
            self._place.write_file(f"{folder}/{epoch:08d}-{step:012d}.checkpoint", header + payload)
        except FileNotFoundError:
            raise LeaseLostError(f"The checkpoints of {run_key} were deleted. Drop the run.") from None
        self._failpoint("checkpoints.before_prune")
        for name in self._newest_first(folder)[_KEPT:]:
            self._place.delete(f"{folder}/{name}")

    @outages_told()
    def latest_checkpoint(self, run_key: str) -> bytes | None:
        """The newest complete checkpoint; corrupt and partial ones are passed over. None when there is none."""
        folder = checkpoints_prefix(run_key)
        for name in self._newest_first(folder):
            # Another worker may prune while this one looks.
            with suppress(FileNotFoundError), self._place.open(f"{folder}/{name}") as stream:
                payload = _payload(as_os_error(stream.read))
                if payload is not None:
                    return payload
        return None

    @outages_told()
    def delete_checkpoints(self, run_key: str) -> None:
        """Deletes all checkpoints of a run; nothing happens when there are none."""
        self._place.delete(checkpoints_prefix(run_key))

    def _newest_first(self, folder: str) -> list[str]:
        names = [name for name in self._place.names(folder) if _NAME.fullmatch(name)]
        return sorted(names, reverse=True)


def checkpoints_prefix(run_key: str) -> str:
    """The prefix below which the checkpoints of a run are in the artifact store."""
    return check_key(f"checkpoints/{run_key}")


def _payload(content: bytes) -> bytes | None:
    """What a checkpoint file holds; None unless it is complete and unharmed."""
    header, payload = content[:_HEADER_LENGTH], content[_HEADER_LENGTH:]
    expected = _MARK + hashlib.sha256(payload).digest() + len(payload).to_bytes(8, "big")
    return payload if header == expected else None
