"""Access of the engine to the files of adapters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from foreword.inference.interfaces import AdapterReference
from foreword.storage.artifacts.adapter_files import read_adapter_files
from foreword.storage.artifacts.store import ArtifactStore


def adapter_reader(artifacts: ArtifactStore) -> Callable[[AdapterReference], tuple[dict[str, Any], bytes]]:
    """Return a function that reads the parsed configuration and the bytes of the tensors file of an adapter.

    The function checks the hash of the configuration. The engine checks the hash of the tensors.
    """
    return lambda reference: read_adapter_files(artifacts, reference.artifact, reference.config_sha256)
