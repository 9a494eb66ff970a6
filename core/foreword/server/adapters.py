"""Where an adapter's files lie, and how the engine reads them."""

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
    """What an engine reads adapters with: the parsed configuration and the bytes of the tensors file.

    The engine checks the tensors against their hash; the configuration is checked here.
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
