"""Adapters from what a tuning method contributes, checked against the base model."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from foreword.errors import ArtifactError
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.loaded_adapter import LoadedAdapter
from foreword.plugin.contributions import Contribution


def load_adapter(network: DecodingNetwork, contributions: Sequence[Contribution]) -> LoadedAdapter | None:
    """Bring what a tuning method contributes to the device; None where it contributes nothing.

    Raises:
        ArtifactError: It does not fit the base model.
    """
    spec = network.model.spec
    try:
        adapter = network.adapter_of(contributions)
    except ValueError as error:
        raise ArtifactError(
            f"The adapter does not fit {spec.id}: {error}. It was tuned for another base model; tune again on this one."
        ) from error
    if adapter.is_empty:
        return None
    if spec.context_room(adapter.length).free_tokens < 1:
        raise ArtifactError(
            f"The soft prompt has {adapter.length} vectors, which leaves nothing of the {spec.context_tokens} "
            f"tokens of {spec.id}. Tune with fewer virtual tokens."
        )
    loaded = LoadedAdapter(
        vectors_PD=_own(adapter.vectors_PD),
        factors_W={path: _own(factor_W) for path, factor_W in adapter.factors_W.items()},
    )
    tensors = (loaded.vectors_PD, *loaded.factors_W.values())
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise ArtifactError("The adapter holds numbers that are not finite. Tune again.")
    return loaded


def _own(tensor: Tensor) -> Tensor:
    """Return a copy: a run that goes on must not change what is served."""
    return tensor.detach().clone()
