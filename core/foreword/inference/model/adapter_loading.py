"""Adapters from what a tuning method contributes, checked against the base model.

Legend: P virtual tokens, D width, W columns of a projection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from foreword.errors import ArtifactError
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.inference.model.network import Network
from foreword.plugin.contributions import Contribution, site_scales, soft_prompt
from foreword.plugin.scaling import factors_by_module


def load_adapter(network: Network, contributions: Sequence[Contribution]) -> LoadedAdapter | None:
    """Bring what a tuning method contributes to the device; None where it contributes nothing.

    Raises:
        ArtifactError: It does not fit the base model.
    """
    vectors_PD, scales_W = soft_prompt(contributions), site_scales(contributions)
    if vectors_PD is None or not len(vectors_PD):
        vectors_PD = torch.zeros(0, network.model.spec.hidden_size)
    if not len(vectors_PD) and not scales_W:
        return None
    loaded = LoadedAdapter(vectors_PD=_load_prompt(network, vectors_PD), factors_W=_load_factors(network, scales_W))
    tensors = (loaded.vectors_PD, *loaded.factors_W.values())
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise ArtifactError("The adapter holds numbers that are not finite. Tune again.")
    return loaded


def _load_prompt(network: Network, vectors_PD: Tensor) -> Tensor:
    """Check a soft prompt and convert it to the base model's dtype."""
    spec = network.model.spec
    if vectors_PD.ndim != 2 or vectors_PD.shape[1] != spec.hidden_size:
        raise ArtifactError(
            f"The soft prompt has the shape {list(vectors_PD.shape)}, but {spec.id} needs vectors of width "
            f"{spec.hidden_size}. It was tuned for another base model; tune again on this one."
        )
    if spec.context_room(len(vectors_PD)).free_tokens < 1:
        raise ArtifactError(
            f"The soft prompt has {len(vectors_PD)} vectors, which leaves nothing of the {spec.context_tokens} "
            f"tokens of {spec.id}. Tune with fewer virtual tokens."
        )
    return vectors_PD.detach().to(device=network.device, dtype=network.dtype, copy=True)


def _load_factors(network: Network, scales_W: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Check factors and convert them to fp32."""
    spec = network.model.spec
    try:
        factors = factors_by_module(spec.sites, scales_W)
    except ValueError as error:
        raise ArtifactError(
            f"The factors do not fit {spec.id}: {error}. They were tuned for another base model; "
            "tune again on this one."
        ) from error
    return {
        path: factor_W.detach().to(device=network.device, dtype=torch.float32, copy=True)
        for path, factor_W in factors.items()
    }
