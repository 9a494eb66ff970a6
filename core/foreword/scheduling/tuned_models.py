"""Tuned models that a job reads: the one that a run starts from, and those that an evaluation asks."""

from __future__ import annotations

from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError
from foreword.inference.engine.artifact_reading import read_artifact, read_contributions
from foreword.inference.interfaces import AdapterReference
from foreword.names import TunedModelName
from foreword.plugin.contributions import Contribution
from foreword.plugin.interfaces import Artifact, BaseModel, TuningMethod
from foreword.scheduling.installed import installed
from foreword.scheduling.workshop import Workshop
from foreword.storage.artifacts.adapter_files import read_adapter_files
from foreword.storage.artifacts.store import ArtifactStore


def read_start(artifacts: ArtifactStore, start: TunedModel, method: TuningMethod, base: BaseModel) -> Artifact:
    """Return the artifact of a tuned model.

    Raises:
        ArtifactError: It is missing, not what was stored, or does not fit; the message says which.
        UnavailableError: The artifact store is unavailable.
    """
    return read_artifact(
        _reference(start),
        method,
        base.spec,
        lambda item: read_adapter_files(artifacts, item.artifact, item.config_sha256),
    )


def read_tuned(
    artifacts: ArtifactStore, tuned: TunedModel, method: TuningMethod, base: BaseModel
) -> tuple[Contribution, ...]:
    """Return what a tuned model contributes to its base model; the errors are those of `read_start`."""
    return read_contributions(
        _reference(tuned),
        method,
        base.spec,
        lambda item: read_adapter_files(artifacts, item.artifact, item.config_sha256),
    )


def tuned_contributions(workshop: Workshop, tuned: TunedModel, base: BaseModel) -> tuple[Contribution, ...]:
    """Return what a tuned model contributes to its base model, for answers.

    Raises:
        FailedPreconditionError: The base model has other weights now, or the tuning method is not installed.
        ArtifactError: The artifact is missing, not what was stored, or does not fit.
        UnavailableError: The artifact store is unavailable.
    """
    if tuned.provenance.get("base_model", base.spec.revision) != base.spec.revision:
        name = str(TunedModelName(tuned.tenant, tuned.id))
        raise FailedPreconditionError(
            f"{name} was tuned on other weights of {tuned.base_model} than are installed now, so its answers would "
            "be random. Tune it again, or install the former weights.",
            reason="BASE_MODEL_CHANGED",
            metadata={"resource": name},
        )
    methods = workshop.plugins.tuning_methods
    method = installed("tuning method", tuned.tuning_type, methods.get(tuned.tuning_type))
    return read_tuned(workshop.artifacts, tuned, method, base)


def _reference(tuned: TunedModel) -> AdapterReference:
    return AdapterReference(
        tenant=tuned.tenant,
        base_model=tuned.base_model,
        tuning_type=tuned.tuning_type,
        artifact=tuned.artifact,
        content_sha256=tuned.content_sha256,
        config_sha256=tuned.provenance.get("adapter_config", ""),
    )
