"""The tuned model that a run starts from."""

from __future__ import annotations

from foreword.domain.experiment import TuneExperiment
from foreword.domain.tuned_model import TunedModel
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.inference.engine.artifact_reading import read_artifact
from foreword.inference.interfaces import AdapterReference
from foreword.names import TunedModelName
from foreword.plugin.interfaces import Artifact, BaseModel, TuningMethod
from foreword.storage.adapter_files import read_adapter_files
from foreword.storage.artifacts import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.tuned_models import TunedModelRepository


def find_start(database: Database, experiment: TuneExperiment) -> TunedModel | None:
    """Return the tuned model that a run starts from; None for another start.

    Raises:
        FailedPreconditionError: It has been deleted since the run was created.
    """
    name = experiment.plan.parameters.init_tuned_model
    if name is None:
        return None
    try:
        return TunedModelRepository(database, experiment.tenant).get(TunedModelName.parse(name).tuned_model)
    except NotFoundError as error:
        raise FailedPreconditionError(
            f"{name}, from which the run starts, has been deleted. Create the experiment again with another "
            "init_tuned_model, or without one.",
            reason="START_DELETED",
            metadata={"resource": name},
        ) from error


def read_start(artifacts: ArtifactStore, start: TunedModel, method: TuningMethod, base: BaseModel) -> Artifact:
    """Return the artifact of a tuned model.

    Raises:
        ArtifactError: It is missing, not what was stored, or does not fit; the message says which.
        UnavailableError: The artifact store is unavailable.
    """
    reference = AdapterReference(
        tenant=start.tenant,
        base_model=start.base_model,
        tuning_type=start.tuning_type,
        artifact=start.artifact,
        content_sha256=start.content_sha256,
        config_sha256=start.provenance.get("adapter_config", ""),
    )
    return read_artifact(
        reference,
        method,
        base.spec,
        lambda item: read_adapter_files(artifacts, item.artifact, item.config_sha256),
    )
