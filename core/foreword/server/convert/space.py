"""Conversion of spaces."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.deployment import Space, Stage
from foreword.domain.report import Finding, Severity
from foreword.domain.violations import Violations
from foreword.names import SpaceName, TenantName, check_id
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.deploy_policy import RequestedPolicy, deploy_policy, parse_policy
from foreword.server.convert.report import finding
from foreword.server.convert.tags import parse_tags
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import deployment_pb2, deployment_service_pb2

_MUTABLE_FIELDS = ("display_name", "stage", "description", "tags", "policy")

_Stage = deployment_pb2.Space.Stage
_STAGES = {_Stage.Value("STAGE_UNSPECIFIED"): Stage.DEVELOPMENT} | {
    _Stage.Value(f"STAGE_{stage.name}"): stage for stage in Stage
}

_WITHOUT_POLICY = Finding(
    severity=Severity.WARNING,
    code="PRODUCTION_WITHOUT_POLICY",
    message="This production space has no policy, so models are deployed without a comparison with what serves now.",
    remedy="Set one: foreword spaces update SPACE --policy-metric METRIC --policy-dataset DATASET",
)


def space(item: Space) -> deployment_pb2.Space:
    """Convert a space to a message."""
    unguarded = item.stage is Stage.PRODUCTION and item.policy is None
    return deployment_pb2.Space(
        name=str(SpaceName(item.tenant, item.id)),
        display_name=item.display_name,
        stage=f"STAGE_{item.stage.name}",
        description=item.description,
        tags=item.tags,
        policy=None if item.policy is None else deploy_policy(item.tenant, item.policy),
        etag=item.etag,
        warnings=[finding(_WITHOUT_POLICY)] if unguarded else [],
        creator=item.creator,
        create_time=timestamp(item.create_time),
        update_time=timestamp(item.update_time),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSpace:
    """A parsed CreateSpace request. `tenant` is None if the request names no parent."""

    tenant: str | None
    id: str
    display_name: str
    stage: Stage
    description: str
    tags: tuple[str, ...]
    policy: RequestedPolicy | None


def parse_new_space(request: deployment_service_pb2.CreateSpaceRequest) -> NewSpace:
    """Parse a CreateSpace request."""
    violations = Violations()
    message = request.space
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    violations.collect(lambda: check_id(request.space_id, "space_id"))
    display_name = violations.name("space.display_name", message.display_name, MAX_DISPLAY_NAME)
    stage = _parse_stage(violations, message)
    description = violations.text("space.description", message.description, MAX_DESCRIPTION)
    tags = parse_tags(violations, "space.tags", message.tags)
    policy = parse_policy(violations, "space.policy", message.policy) if message.HasField("policy") else None
    if stage is Stage.PRODUCTION and not message.HasField("policy"):
        violations.add(
            "space.policy",
            "must be set in a production space: the metric, the dataset and the margin by which a model has to be "
            "better than what serves now; use the stage development for trials",
        )
    violations.check()
    return NewSpace(
        tenant=None if parent is None else parent.tenant,
        id=request.space_id,
        display_name=display_name or request.space_id,
        stage=stage,
        description=description,
        tags=tags,
        policy=policy,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceChange:
    """A parsed UpdateSpace request. None leaves a field unchanged, and an empty etag is not checked."""

    name: SpaceName
    etag: str
    display_name: str | None
    stage: Stage | None
    description: str | None
    tags: tuple[str, ...] | None
    policy: RequestedPolicy | None
    removes_policy: bool


def parse_space_change(request: deployment_service_pb2.UpdateSpaceRequest) -> SpaceChange:
    """Parse an UpdateSpace request."""
    violations = Violations()
    message = request.space
    name = violations.collect(lambda: SpaceName.parse(message.name, "space.name"))
    etag = violations.text("space.etag", message.etag, 200)
    changed = changed_fields(violations, message, request.update_mask.paths, _MUTABLE_FIELDS, "a space")
    display_name = stage = description = tags = policy = None
    if "display_name" in changed:
        display_name = violations.name("space.display_name", message.display_name, MAX_DISPLAY_NAME, required=True)
    if "stage" in changed:
        stage = _parse_stage(violations, message)
    if "description" in changed:
        description = violations.text("space.description", message.description, MAX_DESCRIPTION)
    if "tags" in changed:
        tags = parse_tags(violations, "space.tags", message.tags)
    if "policy" in changed and message.HasField("policy"):
        policy = parse_policy(violations, "space.policy", message.policy)
    violations.check()
    assert name is not None
    return SpaceChange(
        name=name,
        etag=etag,
        display_name=display_name,
        stage=stage,
        description=description,
        tags=tags,
        policy=policy,
        removes_policy="policy" in changed and not message.HasField("policy"),
    )


def _parse_stage(violations: Violations, message: deployment_pb2.Space) -> Stage:
    stage = _STAGES.get(message.stage)
    if stage is None:
        violations.add("space.stage", f"must be one of {', '.join(_Stage.keys()[1:])}")
    return stage or Stage.DEVELOPMENT
