"""What the revisions of a deployment allow: the target of a rollback, a rollout, and its promotion."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from foreword.domain.deployment import RevisionState
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import RolloutState
from foreword.errors import FailedPreconditionError, NotFoundError
from foreword.names import DeploymentName, TunedModelName
from foreword.storage.repositories.revisions import coming_revision, model_of
from foreword.storage.repositories.rollouts import rollout_of
from foreword.storage.repositories.tuned_models import has_tuned_model
from foreword.storage.tables import DeploymentRow, RevisionRow


def rollback_target(session: Session, row: DeploymentRow, revisions: Sequence[RevisionRow], number: int) -> RevisionRow:
    """Return the revision that a rollback serves.

    Args:
        number: Number of the revision; 0 for the one that a rollback chooses by itself.

    Raises:
        NotFoundError: There is no revision with this number.
        FailedPreconditionError: It cannot be served, or there is none to choose.
    """
    name = DeploymentName(row.tenant, row.space, row.id)
    if number and number == row.candidate_revision:
        raise FailedPreconditionError(
            f"Revision {number} of {name} is being rolled out. Promote the deployment to serve it at once.",
            reason="REVISION_BEING_ROLLED_OUT",
        )
    if not number and row.candidate_revision:
        return next(item for item in revisions if item.number == row.serving_revision)
    if number:
        target = next((item for item in revisions if item.number == number), None)
        if target is None:
            numbers = ", ".join(str(item.number) for item in sorted(revisions, key=lambda item: item.number))
            raise NotFoundError.of(f"revision {number} of {name}", f"Choose one of its revisions: {numbers}.")
        if target.state != RevisionState.READY.value:
            raise FailedPreconditionError(
                f"Revision {number} of {name} never passed its probe. Choose a revision that is ready.",
                reason="REVISION_NOT_READY",
            )
    else:
        served = next((item for item in revisions if item.number == row.serving_revision), None)
        ready = [
            item
            for item in revisions
            if item.state == RevisionState.READY.value
            and item.number < row.serving_revision
            and (item.rollout is None or rollout_of(item).state is RolloutState.PROMOTED)
            and (served is None or model_of(item) != model_of(served))
        ]
        if served is not None and served.rollout is not None:
            stable = rollout_of(served).stable_revision
            ready = [item for item in ready if item.number == stable] or ready
        if not ready:
            raise FailedPreconditionError(
                f"{name} has no ready revision before the one that is served, or none of another model. Update the "
                "deployment to the model that it should serve.",
                reason="NO_EARLIER_REVISION",
            )
        target = max(ready, key=lambda item: item.number)
    if target.tuned_model is not None and not has_tuned_model(session, row.tenant, target.tuned_model):
        raise FailedPreconditionError(
            f"Revision {target.number} of {name} needs {TunedModelName(row.tenant, target.tuned_model)}, "
            "which was deleted. Choose another revision.",
            reason="MODEL_DELETED",
        )
    return target


def check_comparable(row: DeploymentRow, revisions: Sequence[RevisionRow], model: ModelReference) -> None:
    """Check that a revision with this model can be rolled out beside the one that is served.

    Raises:
        FailedPreconditionError: Nothing is served yet, another revision is about to be, or it has this model.
    """
    name = DeploymentName(row.tenant, row.space, row.id)
    metadata = {"resource": str(name)}
    served = next((item for item in revisions if item.number == row.serving_revision), None)
    if served is None:
        raise FailedPreconditionError(
            f"{name} serves no revision yet, so there is nothing to compare a canary or a shadow with. Update it "
            "without one.",
            reason="DEPLOYMENT_NOT_READY",
            metadata=metadata,
        )
    coming = coming_revision(row, revisions)
    if coming is not None:
        raise FailedPreconditionError(
            f"Revision {coming.number} of {name} is being probed and will be served if it passes. Wait until the "
            f"deployment is READY, or roll it back to revision {served.number} first.",
            reason="REVISION_BEING_PROBED",
            metadata=metadata,
        )
    if model_of(served) == model:
        raise FailedPreconditionError(
            f"{name} serves this model already. Name another model to roll out.",
            reason="MODEL_ALREADY_SERVED",
            metadata=metadata,
        )


def check_promotable(row: DeploymentRow, revisions: Sequence[RevisionRow], number: int) -> None:
    """Check that a revision is being rolled out and can be promoted.

    Args:
        number: Number of the revision; 0 for any.

    Raises:
        FailedPreconditionError: No rollout runs, that of another revision does, or the revision is not ready.
    """
    name = DeploymentName(row.tenant, row.space, row.id)
    metadata = {"resource": str(name)}
    candidate = next((item for item in revisions if item.number == row.candidate_revision), None)
    if candidate is None:
        raise FailedPreconditionError(
            f"{name} has no canary or shadow to promote. It may have ended; look at the revisions.",
            reason="NO_ROLLOUT",
            metadata=metadata,
        )
    if number and number != candidate.number:
        raise FailedPreconditionError(
            f"{name} is rolling out revision {candidate.number}, not {number}. Promote that one, or update the "
            "deployment to another model.",
            reason="OTHER_ROLLOUT",
            metadata=metadata,
        )
    if candidate.state != RevisionState.READY.value:
        raise FailedPreconditionError(
            f"Revision {candidate.number} of {name} is still being probed. Promote it once it is READY.",
            reason="REVISION_NOT_READY",
            metadata=metadata,
        )
