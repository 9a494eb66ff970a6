"""Access of the engine to the files of adapters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE
from foreword.errors import ArtifactError
from foreword.inference.interfaces import AdapterReference
from foreword.storage.artifacts import ArtifactStore


def adapter_reader(artifacts: ArtifactStore) -> Callable[[AdapterReference], tuple[dict[str, Any], bytes]]:
    """Return a function that reads the parsed configuration and the bytes of the tensors file of an adapter.

    The function checks the hash of the configuration. The engine checks the hash of the tensors.
    """

    def read(reference: AdapterReference) -> tuple[dict[str, Any], bytes]:
        content = artifacts.read(reference.artifact, CONFIG_FILE)
        try:
            config = json.loads(content)
        except (ValueError, RecursionError):
            config = None
        changed = reference.config_sha256 not in ("", hashlib.sha256(content).hexdigest())
        if changed or not isinstance(config, dict):
            raise ArtifactError(
                f"The artifact {reference.artifact}/{CONFIG_FILE} is damaged. Restore it from a backup, or tune again.",
                metadata={"artifact": reference.artifact},
            )
        return config, artifacts.read(reference.artifact, TENSORS_FILE)

    return read
