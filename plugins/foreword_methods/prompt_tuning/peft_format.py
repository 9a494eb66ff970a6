"""Prompts as PEFT stores them: `adapter_config.json` and `adapter_model.safetensors` with `prompt_embeddings`.

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
    """The configuration and the tensors of a prompt."""
    vectors_PD = artifact.tensors[TENSOR]
    config = {
        "peft_type": "PROMPT_TUNING",
        "task_type": _TASK_TYPES[spec.architecture],
        "base_model_name_or_path": spec.id.replace("--", "/"),
        "revision": None,
        "inference_mode": True,
        "num_virtual_tokens": vectors_PD.shape[0],
        "token_dim": vectors_PD.shape[1],
        # PEFT's default for encoder-decoder models is 2: [2P, D] in the file, of which it uses half.
        "num_transformer_submodules": 1,
        "num_attention_heads": artifact.config.get("num_attention_heads"),
        "num_layers": artifact.config.get("num_layers"),
        # How the prompt started matters no more, and TEXT would make PEFT ask for a tokenizer.
        "prompt_tuning_init": "RANDOM",
    }
    return config, {TENSOR: vectors_PD.detach().to("cpu", torch.float32).contiguous()}


def read_adapter(config: Mapping[str, Any], tensors: Mapping[str, Tensor], spec: BaseModelSpec) -> Artifact:
    """The prompt in an adapter that this service or PEFT wrote.

    Raises:
        ArtifactError: It is no prompt, or not one for this base model.
    """
    _expect(config, "peft_type", "PROMPT_TUNING")
    _expect(config, "task_type", _TASK_TYPES[spec.architecture])
    if set(tensors) != {TENSOR}:
        raise ArtifactError(
            f"The adapter must hold the one tensor {TENSOR}, not {', '.join(sorted(tensors)) or 'none'}."
        )
    num_virtual_tokens = config.get("num_virtual_tokens")
    submodules = config.get("num_transformer_submodules") or 1
    if not isinstance(num_virtual_tokens, int) or num_virtual_tokens < 1 or submodules not in (1, 2):
        raise ArtifactError(
            f"The adapter's num_virtual_tokens is {num_virtual_tokens!r} and its num_transformer_submodules "
            f"{submodules!r}; a positive number and 1 or 2 are expected."
        )
    vectors = tensors[TENSOR]
    expected = (num_virtual_tokens * submodules, spec.hidden_size)
    if tuple(vectors.shape) != expected:
        raise ArtifactError(
            f"The adapter's {TENSOR} has shape {list(vectors.shape)}, but {list(expected)} fits its configuration and "
            f"base model {spec.id}. Use the base model that it was tuned on."
        )
    if not vectors.dtype.is_floating_point or not bool(torch.isfinite(vectors).all()):
        raise ArtifactError(f"The adapter's {TENSOR} holds values that are not finite numbers. Tune it again.")
    return Artifact(
        kind=KIND,
        tensors={TENSOR: vectors[:num_virtual_tokens].float().contiguous()},
        context_tokens=num_virtual_tokens,
        config={name: config.get(name) for name in ("num_attention_heads", "num_layers")},
    )


def _expect(config: Mapping[str, Any], name: str, expected: str) -> None:
    """Refuses an adapter whose configuration says something else."""
    found = config.get(name)
    if found != expected:
        raise ArtifactError(f"The adapter's {name} is {found!r}, but {expected!r} is expected here.")
