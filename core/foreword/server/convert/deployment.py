"""Conversion of deployments and revisions."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.capture import CapturePolicy, CaptureUsage
from foreword.domain.deployment import Deployment, Revision, RevisionState
from foreword.domain.failure import Failure
from foreword.domain.model_reference import model_name
from foreword.domain.rollout import CanaryPlan, RolloutState, ShadowPlan
from foreword.domain.violations import Violations
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.names import (
    BaseModelName,
    DeploymentName,
    SpaceName,
    TunedModelName,
    check_serving_name,
)
from foreword.server.calls.status import failure_status
from foreword.server.convert.capture import capture_policy, capture_usage, parse_capture_policy
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.deploy_policy import deploy_verdict
from foreword.server.convert.rollout import parse_plan, rollout
from foreword.server.convert.tags import parse_tags
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import deployment_pb2, deployment_service_pb2

DEFAULT_SPACE = "default"
MUTABLE_FIELDS = ("model", "display_name", "description", "tags", "capture")
MAX_FORCE_REASON = 500


def deployment(
    item: Deployment, *, with_revisions: bool = True, usage: CaptureUsage | None = None
) -> deployment_pb2.Deployment:
    """Convert a deployment to a message. Its model is the one being probed, or else the one that is served.

    Args:
        usage: How much of their room its captured requests take; None if that was not read or there are none.
    """
    newest = item.revisions[0]
    shown = item.coming or item.serving or newest
    return deployment_pb2.Deployment(
        name=str(DeploymentName(item.tenant, item.space, item.id)),
        display_name=item.display_name,
        serving_name=item.serving_name,
        description=item.description,
        tags=item.tags,
        model=model_name(item.tenant, shown.model),
        state=f"STATE_{item.state.name}",
        error=failure_status(_why_not_served(newest)),
        serving_revision=item.serving_revision,
        revisions=[_revision(item.tenant, revision) for revision in item.revisions if with_revisions],
        creator=item.creator,
        create_time=timestamp(item.create_time),
        update_time=timestamp(item.update_time),
        etag=item.etag,
        candidate_revision=item.candidate_revision,
        capture=capture_policy(item.capture),
        capture_usage=None if usage is None else capture_usage(usage),
    )


def _why_not_served(newest: Revision) -> Failure | None:
    """Return why the newest revision is not served: it failed its probe, or its rollout was rolled back or expired."""
    if newest.state is RevisionState.FAILED:
        return newest.failure
    if newest.rollout is None:
        return None
    explanation = newest.rollout.explanation
    match newest.rollout.state:
        case RolloutState.ROLLED_BACK:
            message, reason = f"Revision {newest.number} was rolled back. {explanation}", "ROLLED_BACK"
        case RolloutState.EXPIRED:
            message, reason = f"The trial of revision {newest.number} has expired. {explanation}", "ROLLOUT_EXPIRED"
        case _:
            return None
    return Failure.of(FailedPreconditionError(message, reason=reason))


def _revision(tenant: str, revision: Revision) -> deployment_pb2.DeploymentRevision:
    return deployment_pb2.DeploymentRevision(
        revision=revision.number,
        model=model_name(tenant, revision.model),
        state=f"STATE_{revision.state.name}",
        error=failure_status(revision.failure),
        probe_effect=revision.probe_effect,
        create_time=timestamp(revision.create_time),
        rollout=None if revision.rollout is None else rollout(revision.rollout, revision.create_time),
        verdict=None if revision.verdict is None else deploy_verdict(tenant, revision.verdict),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """The model named in a request: a tuned model of any tenant, or a base model or alias."""

    tuned_model: TunedModelName | None = None
    base_model: str | None = None


def parse_model(text: str, field: str) -> NamedModel:
    """Parse the name of a model to deploy.

    Raises:
        InvalidArgumentError: The text is neither the name of a tuned model nor of a base model.
    """
    if text.startswith("tenants/"):
        return NamedModel(tuned_model=TunedModelName.parse(text, field))
    if text.startswith("baseModels/"):
        return NamedModel(base_model=BaseModelName.parse(text, field).model)
    shape = "must look like tenants/{tenant}/tunedModels/{tuned_model} or baseModels/{model}"
    fault = f"{shape}, not {text[:80]!r}" if text else f"is empty; it {shape}"
    raise InvalidArgumentError.of(field, fault, reason="NAME_INVALID")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeployment:
    """A parsed CreateDeployment request.

    Attributes:
        parent: The space; None for the default space of the caller.
        id: Id of the deployment; empty if neither an id nor a serving name was given.
        capture: Which requests are captured; None for none.
        force_reason: Why a model that the policy refuses is to be deployed; empty if it is not.
    """

    parent: SpaceName | None
    id: str
    serving_name: str
    display_name: str
    description: str
    tags: tuple[str, ...]
    capture: CapturePolicy | None
    model: NamedModel
    force_reason: str
    validate_only: bool


def parse_new_deployment(request: deployment_service_pb2.CreateDeploymentRequest) -> NewDeployment:
    """Parse a CreateDeployment request."""
    violations = Violations()
    message = request.deployment
    parent = violations.collect(lambda: SpaceName.parse(request.parent, "parent")) if request.parent else None
    if request.deployment_id:
        violations.collect(lambda: check_serving_name(request.deployment_id, "deployment_id"))
    if message.serving_name:
        violations.collect(lambda: check_serving_name(message.serving_name, "deployment.serving_name"))
    display_name = violations.name("deployment.display_name", message.display_name, MAX_DISPLAY_NAME)
    description = violations.text("deployment.description", message.description, MAX_DESCRIPTION)
    tags = parse_tags(violations, "deployment.tags", message.tags)
    model = violations.collect(lambda: parse_model(message.model, "deployment.model"))
    capture = None
    if message.HasField("capture"):
        capture = parse_capture_policy(violations, "deployment.capture", message.capture)
    force_reason = violations.text("force_reason", request.force_reason, MAX_FORCE_REASON)
    violations.check()
    assert model is not None
    return NewDeployment(
        parent=parent,
        id=request.deployment_id or message.serving_name,
        serving_name=message.serving_name or request.deployment_id,
        display_name=display_name,
        description=description,
        tags=tags,
        capture=capture,
        model=model,
        force_reason=force_reason,
        validate_only=request.validate_only,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentChange:
    """A parsed UpdateDeployment request. None leaves a field unchanged, and an empty etag is not checked.

    Attributes:
        plan: The rollout of the new revision; None to serve it at once.
        force_reason: Why a model that the policy refuses is to be deployed; empty if it is not.
    """

    name: DeploymentName
    etag: str
    model: NamedModel | None
    display_name: str | None
    description: str | None
    tags: tuple[str, ...] | None
    capture: CapturePolicy | None
    plan: CanaryPlan | ShadowPlan | None
    force_reason: str
    validate_only: bool


def parse_deployment_change(request: deployment_service_pb2.UpdateDeploymentRequest) -> DeploymentChange:
    """Parse an UpdateDeployment request."""
    violations = Violations()
    message = request.deployment
    name = violations.collect(lambda: DeploymentName.parse(message.name, "deployment.name"))
    etag = violations.text("deployment.etag", message.etag, 200)
    changed = changed_fields(violations, message, request.update_mask.paths, MUTABLE_FIELDS, "a deployment")
    model = display_name = description = tags = capture = None
    if "model" in changed:
        model = violations.collect(lambda: parse_model(message.model, "deployment.model"))
    if "display_name" in changed:
        display_name = violations.name("deployment.display_name", message.display_name, MAX_DISPLAY_NAME, required=True)
    if "description" in changed:
        description = violations.text("deployment.description", message.description, MAX_DESCRIPTION)
    if "tags" in changed:
        tags = parse_tags(violations, "deployment.tags", message.tags)
    if "capture" in changed:
        capture = parse_capture_policy(violations, "deployment.capture", message.capture)
    plan = parse_plan(violations, request)
    if plan is not None and "model" not in changed:
        violations.add(
            request.WhichOneof("rollout") or "rollout", "needs a new model; set deployment.model, also in the mask"
        )
    force_reason = violations.text("force_reason", request.force_reason, MAX_FORCE_REASON)
    violations.check()
    assert name is not None
    return DeploymentChange(
        name=name,
        etag=etag,
        model=model,
        display_name=display_name,
        description=description,
        tags=tags,
        capture=capture,
        plan=plan,
        force_reason=force_reason,
        validate_only=request.validate_only,
    )
