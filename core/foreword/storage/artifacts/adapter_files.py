"""The stored files of adapters."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE
from foreword.errors import ArtifactError
from foreword.storage.artifacts.store import ArtifactStore


def read_adapter_files(artifacts: ArtifactStore, artifact: str, config_sha256: str) -> tuple[dict[str, Any], bytes]:
    """Return the parsed configuration and the bytes of the tensors file of an adapter.

    The hash of the tensors is not checked.

    Args:
        artifact: Key prefix of the files.
        config_sha256: SHA-256 of the configuration in hexadecimal; empty where none was recorded.

    Raises:
        ArtifactError: A file is missing, or the configuration is not the one that was stored.
        UnavailableError: The artifact store is unavailable.
    """
    content = artifacts.read(artifact, CONFIG_FILE)
    try:
        config = json.loads(content)
    except (ValueError, RecursionError):
        config = None
    changed = config_sha256 not in ("", hashlib.sha256(content).hexdigest())
    if changed or not isinstance(config, dict):
        raise ArtifactError(
            f"The artifact {artifact}/{CONFIG_FILE} is damaged. Restore it from a backup, or tune again.",
            metadata={"artifact": artifact},
        )
    return config, artifacts.read(artifact, TENSORS_FILE)
