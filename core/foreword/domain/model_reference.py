"""The model that a deployment serves."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.names import BaseModelName, TunedModelName


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReference:
    """The model that a deployment serves: a tuned model of its tenant or a base model. Exactly one is set."""

    tuned_model: str | None = None
    base_model: str | None = None


def model_name(tenant: str, model: ModelReference) -> str:
    """Return the resource name of a model."""
    if model.tuned_model is not None:
        return str(TunedModelName(tenant, model.tuned_model))
    assert model.base_model is not None
    return str(BaseModelName(model.base_model))
