"""The stored rows of datasets, verified on every read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, BinaryIO, Final

from foreword.domain.dataset import Dataset
from foreword.errors import ArtifactError
from foreword.names import DatasetName
from foreword.storage.artifacts.block_hashes import (
    BLOCK_BYTES,
    MAX_HASHES_BYTES,
    BlockHashes,
    VerifiedFile,
    hash_blocks,
)
from foreword.storage.artifacts.outages import as_os_error
from foreword.storage.artifacts.store import ArtifactStore, Content

ROWS_FILE: Final = "rows.jsonl"
"""Name of the file with the rows, below the artifact prefix of a dataset."""

BLOCKS_FILE: Final = "rows.blocks.json"
"""Name of the file with the hashes of the blocks of `ROWS_FILE`."""


def rows_files(rows: IO[bytes]) -> tuple[dict[str, Content], str]:
    """Return the files of a dataset with these rows, and the SHA-256 of the hashes of their blocks, in hexadecimal.

    Args:
        rows: A file with the stored form of the rows, seekable. It is read again when the files are written.
    """
    _, hashes = hash_blocks(iter(lambda: rows.read(BLOCK_BYTES), b""))
    blocks = hashes.to_bytes()
    return {ROWS_FILE: rows, BLOCKS_FILE: blocks}, hashlib.sha256(blocks).hexdigest()


@contextmanager
def open_rows(artifacts: ArtifactStore, dataset: Dataset) -> Iterator[BinaryIO]:
    """Open the rows of a dataset for the duration of the block.

    The file verifies each block that it reads. The rows of a dataset without hashes of blocks are verified as a whole
    before the first one is returned.

    Raises:
        ArtifactError: The rows are missing, or are not those that were uploaded. Reading raises it too.
        UnavailableError: The artifact store is unavailable.
    """
    corrupt = partial(_corrupt, dataset)
    if dataset.blocks_sha256:
        with open_verified(artifacts, dataset.artifact, dataset.blocks_sha256, corrupt) as rows:
            yield rows
        return
    with artifacts.open(dataset.artifact, ROWS_FILE) as file:
        whole_sha256, hashes = hash_blocks(iter(lambda: as_os_error(file.read, BLOCK_BYTES), b""))
        if whole_sha256 != dataset.content_sha256:
            raise corrupt()
        yield io.BufferedReader(VerifiedFile(file, hashes, corrupt), BLOCK_BYTES)


@contextmanager
def open_verified(
    artifacts: ArtifactStore, artifact: str, blocks_sha256: str, corrupt: Callable[[], Exception]
) -> Iterator[BinaryIO]:
    """Open rows that `rows_files` has made for the duration of the block. Each block is verified when it is read.

    Args:
        artifact: Key prefix of the files.
        blocks_sha256: SHA-256 of the hashes of the blocks, in hexadecimal.
        corrupt: Returns the error to raise if the rows are not what was stored.

    Raises:
        ArtifactError: The rows are missing, or are not what was stored. Reading raises it too.
        UnavailableError: The artifact store is unavailable.
    """
    with artifacts.open(artifact, ROWS_FILE) as file:
        with artifacts.open(artifact, BLOCKS_FILE) as blocks:
            content = as_os_error(blocks.read, MAX_HASHES_BYTES)
        if hashlib.sha256(content).hexdigest() != blocks_sha256:
            raise corrupt()
        hashes = BlockHashes.from_bytes(content)
        yield io.BufferedReader(VerifiedFile(file, hashes, corrupt), BLOCK_BYTES)


def _corrupt(dataset: Dataset) -> ArtifactError:
    name = str(DatasetName(dataset.tenant, dataset.id))
    return ArtifactError(
        f"The stored rows of {name} are not those that were uploaded. Upload the file again, or restore the artifact "
        "store from a backup.",
        metadata={"resource": name, "artifact": dataset.artifact},
    )
