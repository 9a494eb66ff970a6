"""Names of deployed models."""

from __future__ import annotations

from foreword.domain.model_reference import ModelReference
from foreword.names import BaseModelName, TunedModelName


def model_name(tenant: str, model: ModelReference) -> str:
    """Return the resource name of a served model."""
    if model.tuned_model is not None:
        return str(TunedModelName(tenant, model.tuned_model))
    assert model.base_model is not None
    return str(BaseModelName(model.base_model))
