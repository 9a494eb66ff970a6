"""Small files of lines that are written once and verified whenever they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from foreword.errors import ArtifactError
from foreword.storage.artifacts.store import ArtifactStore

LINES_FILE: Final = "answers.jsonl"
"""Name of the file, below its key."""


def write_lines(artifacts: ArtifactStore, artifact: str, lines: Iterable[str]) -> str:
    """Write lines and return the SHA-256 of their file, in hexadecimal.

    Args:
        artifact: Key of the file.
        lines: Lines without ends.

    Raises:
        UnavailableError: The artifact store is unavailable.
    """
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")
    artifacts.write(artifact, {LINES_FILE: content})
    return hashlib.sha256(content).hexdigest()


def read_lines(artifacts: ArtifactStore, artifact: str, sha256: str, *, resource: str) -> Iterator[str]:
    """Return the lines of a file that `write_lines` wrote, verified.

    Args:
        sha256: What `write_lines` returned.
        resource: Name of the resource that they belong to, for the error.

    Raises:
        ArtifactError: The file is missing, or is not what was stored.
        UnavailableError: The artifact store is unavailable.
    """
    content = _verified(artifacts, artifact, sha256, resource)
    yield from (line for line in content.decode("utf-8", "surrogatepass").split("\n") if line)


def copy_lines(artifacts: ArtifactStore, artifact: str, sha256: str, target: str, *, resource: str) -> None:
    """Copy a file that `write_lines` wrote to another key, verified.

    Args:
        sha256: What `write_lines` returned.
        resource: Name of the resource that its lines belong to, for the error.

    Raises:
        ArtifactError: The file is missing, or is not what was stored.
        UnavailableError: The artifact store is unavailable.
    """
    artifacts.write(target, {LINES_FILE: _verified(artifacts, artifact, sha256, resource)})


def _verified(artifacts: ArtifactStore, artifact: str, sha256: str, resource: str) -> bytes:
    content = artifacts.read(artifact, LINES_FILE)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtifactError(
            f"The stored answers {artifact} are not those that the worker wrote. Create {resource} again, or restore "
            "the artifact store from a backup.",
            metadata={"resource": resource, "artifact": artifact},
        )
    return content
