"""Reading the artifact of a tuned model, with nothing in it trusted."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from foreword.domain.base_model import BaseModelSpec
from foreword.errors import ArtifactError
from foreword.inference.interfaces import AdapterReference
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import Artifact, TuningMethod

MAX_FILE_BYTES: Final = 256 * 2**20
_MAX_HEADER_BYTES: Final = 2**20
_MAX_TENSORS: Final = 1024
_DTYPES: Final = frozenset({"F32", "F16", "BF16"})

ReadArtifact = Callable[[AdapterReference], tuple[dict[str, Any], bytes]]
"""Reads `adapter_config.json`, parsed, and the bytes of `adapter_model.safetensors`; raises ArtifactError."""


def read_contributions(
    reference: AdapterReference, method: TuningMethod, spec: BaseModelSpec, read: ReadArtifact
) -> tuple[Contribution, ...]:
    """Read an artifact, trusting nothing in it.

    Raises:
        ArtifactError: It is missing, not what was stored, or does not fit; the message says which.
    """
    artifact = read_artifact(reference, method, spec, read)
    with _readable(method):
        return tuple(method.contributions(artifact))


def read_artifact(
    reference: AdapterReference, method: TuningMethod, spec: BaseModelSpec, read: ReadArtifact
) -> Artifact:
    """Read an artifact as `read_contributions` does, and return it."""
    config, data = read(reference)
    check_content(data, reference)
    tensors = parse_tensors(data)
    with _readable(method):
        return method.from_peft(config, tensors, spec)


@contextmanager
def _readable(method: TuningMethod) -> Iterator[None]:
    """Raise ArtifactError for what a method raises about a malformed artifact."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"The artifact of the tuned model cannot be read by {method.id}: {type(error).__name__}: {error}. "
            "Tune again or restore the artifact store."
        ) from error


def check_content(data: bytes, reference: AdapterReference) -> None:
    """Raise ArtifactError unless the bytes have the recorded SHA-256."""
    found, recorded = hashlib.sha256(data).hexdigest(), reference.content_sha256.lower()
    if not hmac.compare_digest(found, recorded):
        raise ArtifactError(
            f"The stored artifact {reference.artifact} has the SHA-256 {found[:12]}..., but {recorded[:12]}... was "
            "recorded when it was tuned. Restore the artifact store or tune again.",
            metadata={"artifact": reference.artifact},
        )


def parse_tensors(data: bytes) -> Mapping[str, torch.Tensor]:
    """Parse a safetensors file, whose header is checked before anything of its size is allocated.

    Raises:
        ArtifactError: It is not well-formed, too large, of another dtype or holds numbers that are not finite.
    """
    _check_header(data)
    try:
        tensors: dict[str, torch.Tensor] = load_safetensors(data)
    except (SafetensorError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise _corrupt(f"it is not a valid safetensors file ({error})") from error
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise _corrupt(f"tensor {name[:80]!r} holds numbers that are not finite")
    return tensors


def _check_header(data: bytes) -> None:
    """Refuse a header with a wrong size, or with tensors that no artifact holds."""
    if not 8 <= len(data) <= MAX_FILE_BYTES:
        raise _corrupt(f"it has {len(data)} bytes; 8 to {MAX_FILE_BYTES} are possible")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, _MAX_HEADER_BYTES):
        raise _corrupt(f"its header claims {length} bytes")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError) as error:
        raise _corrupt("its header is not JSON") from error
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
