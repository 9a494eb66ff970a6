"""Where an adapter's files lie, and how the engine reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from foreword.errors import ArtifactError
from foreword.inference.interfaces import AdapterReference
from foreword.storage.artifacts import ArtifactStore

CONFIG_FILE = "adapter_config.json"
TENSORS_FILE = "adapter_model.safetensors"


def adapter_reader(artifacts: ArtifactStore) -> Callable[[AdapterReference], tuple[dict[str, Any], bytes]]:
    """What an engine reads adapters with: the parsed configuration and the bytes of the tensors file."""

    def read(reference: AdapterReference) -> tuple[dict[str, Any], bytes]:
        try:
            config = json.loads(artifacts.read(reference.artifact, CONFIG_FILE))
        except (ValueError, RecursionError):
            config = None
        if not isinstance(config, dict):
            raise ArtifactError(
                f"The artifact {reference.artifact}/{CONFIG_FILE} is damaged. Restore it from a backup, or tune again.",
                metadata={"artifact": reference.artifact},
            )
        return config, artifacts.read(reference.artifact, TENSORS_FILE)

    return read
