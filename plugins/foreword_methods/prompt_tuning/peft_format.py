"""Prompts in PEFT's format: `adapter_config.json` and `adapter_model.safetensors` with `prompt_embeddings`.

Shapes: P virtual tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from foreword.domain.base_model import Architecture, BaseModelSpec
from foreword.errors import ArtifactError
from foreword.plugin.interfaces import Artifact

if TYPE_CHECKING:
    from torch import Tensor

KIND = "prompt_tuning/1"
TENSOR = "prompt_embeddings"

_TASK_TYPES = {Architecture.ENCODER_DECODER: "SEQ_2_SEQ_LM", Architecture.CAUSAL: "CAUSAL_LM"}


def write_adapter(artifact: Artifact, spec: BaseModelSpec) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the tensors of an adapter with a prompt."""
    vectors_PD = artifact.tensors[TENSOR]
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": _TASK_TYPES[spec.architecture],
        "base_model_name_or_path": spec.id.replace("--", "/"),
        "revision": None,
        "inference_mode": True,
        "num_virtual_tokens": vectors_PD.shape[0],
        "token_dim": vectors_PD.shape[1],
        # PEFT's default for encoder-decoder models is 2: the file then has [2P, D], of which PEFT uses half.
        "num_transformer_submodules": 1,
        "num_attention_heads": artifact.config.get("num_attention_heads"),
        "num_layers": artifact.config.get("num_layers"),
        # The initialisation no longer matters, and TEXT would make PEFT require a tokenizer.
        "prompt_tuning_init": "RANDOM",
    }
    return config, {TENSOR: vectors_PD.detach().to("cpu", torch.float32).contiguous()}


def read_adapter(config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
    """Read the prompt of an adapter written by this service or PEFT.

    Raises:
        ArtifactError: The adapter is not a prompt, or does not fit the base model.
    """
    _expect(config, "peft_type", "PROMPT_TUNING")
    _expect(config, "task_type", _TASK_TYPES[spec.architecture])
    if set(tensors) != {TENSOR}:
        raise ArtifactError(
            f"The adapter must contain only the tensor {TENSOR}, but it contains "
            f"{', '.join(sorted(tensors)) or 'none'}. Choose a prompt-tuning adapter."
        )
    num_virtual_tokens = config.get("num_virtual_tokens")
    submodules = config.get("num_transformer_submodules") or 1
    if not isinstance(num_virtual_tokens, int) or num_virtual_tokens < 1 or submodules not in (1, 2):
        raise ArtifactError(
            f"The adapter's num_virtual_tokens is {num_virtual_tokens!r} and its num_transformer_submodules "
            f"{submodules!r}, but they must be a positive number and 1 or 2. Tune it again."
        )
    vectors = tensors[TENSOR]
    expected = (num_virtual_tokens * submodules, spec.hidden_size)
    if tuple(vectors.shape) != expected:
        raise ArtifactError(
            f"The adapter's {TENSOR} has shape {list(vectors.shape)}, but its configuration and the base model "
            f"{spec.id} require {list(expected)}. Use the base model that it was tuned on."
        )
    if not vectors.dtype.is_floating_point or not bool(torch.isfinite(vectors).all()):
        raise ArtifactError(f"The adapter's {TENSOR} contains values that are not finite numbers. Tune it again.")
    return Artifact(
        kind=KIND,
        tensors={TENSOR: vectors[:num_virtual_tokens].float().contiguous()},
        context_tokens=num_virtual_tokens,
        config={name: config.get(name) for name in ("num_attention_heads", "num_layers")},
    )


def _expect(config: Mapping[str, Any], name: str, expected: str) -> None:
    """Check a value of the configuration.

    Raises:
        ArtifactError: The value is a different one.
    """
    found = config.get(name)
    if found != expected:
        raise ArtifactError(f"The adapter's {name} is {found!r}, but must be {expected!r}. Choose a matching adapter.")
