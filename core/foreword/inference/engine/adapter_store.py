"""Adapters in memory, within a budget of bytes; and what is checked before one gets there."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
from cachetools import LRUCache
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from foreword.domain.base_model import BaseModelSpec
from foreword.errors import ArtifactError
from foreword.inference.interfaces import AdapterReference
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import TuningMethod

if TYPE_CHECKING:
    from foreword.inference.model.loaded_adapter import LoadedAdapter

MAX_FILE_BYTES: Final = 256 * 2**20
_MAX_HEADER_BYTES: Final = 2**20
_MAX_TENSORS: Final = 1024
_DTYPES: Final = frozenset({"F32", "F16", "BF16"})

ReadArtifact = Callable[[AdapterReference], tuple[dict[str, Any], bytes]]
"""Reads `adapter_config.json`, parsed, and the bytes of `adapter_model.safetensors`; raises ArtifactError."""


_Key = tuple[str, str, str, str, str]


class AdapterStore:
    """Loaded adapters, the least recently used dropped first.

    Keyed by tenant, base model and content: an adapter is never overwritten, and one tenant's request never finds
    another tenant's. Requests keep what they hold, so dropping one disturbs nobody. Thread-safe; requests for one
    adapter wait for a single load, and a load that fails is tried anew by the next request.

    Args:
        max_bytes: Memory for adapters that are kept; 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._loading: dict[_Key, threading.Lock] = {}
        self._kept: LRUCache[_Key, tuple[LoadedAdapter | None, int]] = LRUCache(
            max(max_bytes, 1), getsizeof=lambda item: item[1]
        )

    @property
    def byte_size(self) -> int:
        """Memory in use."""
        with self._lock:
            return int(self._kept.currsize)

    def get(
        self, reference: AdapterReference, load: Callable[[], tuple[LoadedAdapter | None, int]]
    ) -> LoadedAdapter | None:
        """An adapter, loaded.

        Args:
            load: Loads it, and tells its memory in bytes; called when it is not kept.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        key = _key(reference)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                return found[0]
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            with self._lock:
                found = self._kept.get(key)
            if found is None:
                try:
                    found = load()
                finally:
                    with self._lock:
                        self._loading.pop(key, None)
                self._keep(key, found)
        return found[0]

    def refresh(
        self, reference: AdapterReference, load: Callable[[], tuple[LoadedAdapter | None, int]]
    ) -> LoadedAdapter | None:
        """An adapter as it is stored now, whatever is kept of it.

        Raises:
            ArtifactError: It cannot be loaded.
        """
        found = load()
        self._keep(_key(reference), found)
        return found[0]

    def drop(self, base_model: str) -> None:
        """Forgets the adapters of a base model."""
        with self._lock:
            for key in [key for key in self._kept if key[1] == base_model]:
                del self._kept[key]

    def _keep(self, key: _Key, loaded: tuple[LoadedAdapter | None, int]) -> None:
        with self._lock:
            if loaded[1] <= self._kept.maxsize:
                self._kept[key] = loaded


def _key(reference: AdapterReference) -> _Key:
    """Tells adapters apart: the same tensors are something else under another method or configuration."""
    return (
        reference.tenant,
        reference.base_model,
        reference.tuning_type,
        reference.content_sha256,
        reference.config_sha256,
    )


def read_contributions(
    reference: AdapterReference, method: TuningMethod, spec: BaseModelSpec, read: ReadArtifact
) -> tuple[Contribution, ...]:
    """Reads an artifact, trusting nothing in it.

    Raises:
        ArtifactError: It is missing, not what was stored, or does not fit; the message says which.
    """
    config, data = read(reference)
    check_content(data, reference.content_sha256)
    tensors = parse_tensors(data)
    try:
        artifact = method.from_peft(config, tensors, spec)
        return tuple(method.contributions(artifact))
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"The artifact of the tuned model cannot be read by {method.id}: {type(error).__name__}: {error}. "
            "Tune again or restore the artifact store."
        ) from error


def check_content(data: bytes, sha256: str) -> None:
    """Raises ArtifactError unless the bytes have this SHA-256."""
    found = hashlib.sha256(data).hexdigest()
    if not hmac.compare_digest(found, sha256.lower()):
        raise ArtifactError(
            f"The stored artifact has the SHA-256 {found[:12]}..., but {sha256[:12]}... was recorded when it was "
            "tuned. Restore the artifact store or tune again.",
            reason="ARTIFACT_HASH_MISMATCH",
        )


def parse_tensors(data: bytes) -> Mapping[str, torch.Tensor]:
    """Tensors of a safetensors file; its header is checked before anything of its size is allocated.

    Raises:
        ArtifactError: It is not well-formed, too large, of another dtype or holds numbers that are not finite.
    """
    _check_header(data)
    try:
        tensors: dict[str, torch.Tensor] = load_safetensors(data)
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise _corrupt(f"it is no valid safetensors file ({error})") from error
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise _corrupt(f"tensor {name[:80]!r} holds numbers that are not finite")
    return tensors


def _check_header(data: bytes) -> None:
    """Refuses headers that lie about their size, or describe what no artifact of ours holds."""
    if not 8 <= len(data) <= MAX_FILE_BYTES:
        raise _corrupt(f"it has {len(data)} bytes; 8 to {MAX_FILE_BYTES} are possible")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, _MAX_HEADER_BYTES):
        raise _corrupt(f"its header claims {length} bytes")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _corrupt("its header is no JSON") from error
    if not isinstance(header, dict) or len(header) > _MAX_TENSORS:
        raise _corrupt(f"its header must describe at most {_MAX_TENSORS} tensors")
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if dtype not in _DTYPES:
            raise _corrupt(f"tensor {name[:80]!r} has the dtype {str(dtype)[:20]}; only {sorted(_DTYPES)} are possible")


def _corrupt(problem: str) -> ArtifactError:
    return ArtifactError(f"The artifact of the tuned model is corrupt: {problem}. Restore the artifact store or tune "
                         "again.")  # fmt: skip
