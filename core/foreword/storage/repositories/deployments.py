"""Deployments of a tenant and their revisions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from foreword.domain.capture import CapturePolicy
from foreword.domain.deploy_policy import NO_POLICY, Admission, DeployPolicy, PolicyFigures
from foreword.domain.deployment import Deployment
from foreword.domain.model_reference import ModelReference
from foreword.domain.rollout import CanaryPlan, Rollout, RolloutState, ShadowPlan
from foreword.errors import AbortedError, AlreadyExistsError, NotFoundError, PermissionDeniedError
from foreword.names import DeploymentName, SpaceName, check_serving_name
from foreword.storage.audit.action import acting
from foreword.storage.codec import decode, encode
from foreword.storage.database import Database
from foreword.storage.events.deployment_events import publish_rollback, refusal_event
from foreword.storage.events.outbox import publish
from foreword.storage.lists.list_specs import DEPLOYMENTS
from foreword.storage.lists.pages import ListReader, Page, Take, take_any
from foreword.storage.lists.request import FIRST_PAGE, ListRequest
from foreword.storage.quotas.checks import check_deployment
from foreword.storage.repositories.requests import Replay, RequestKey, deleted_since, find_replay, remember
from foreword.storage.repositories.revision_rules import check_comparable, check_promotable, rollback_target
from foreword.storage.repositories.revisions import (
    add_revision,
    drop_oldest,
    etag_of,
    intended_model,
    read_revisions,
    served_model,
    to_deployment,
    to_deployments,
)
from foreword.storage.repositories.rollouts import end_rollout
from foreword.storage.repositories.spaces import require_space
from foreword.storage.repositories.tuned_models import require_tuned_model
from foreword.storage.tables import DeploymentRow, RevisionRow
from foreword.storage.texts import check_texts


class DeploymentRepository:
    """The deployments of one tenant."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant

    def create(
        self,
        *,
        space: str,
        id: str,
        serving_name: str,
        model: ModelReference,
        display_name: str = "",
        description: str = "",
        tags: Sequence[str] = (),
        capture: CapturePolicy | None = None,
        creator: str = "",
        admission: Admission = NO_POLICY,
        request: RequestKey | None = None,
        validate_only: bool = False,
    ) -> Deployment:
        """Create a deployment with a first revision that waits for its probe.

        An empty display name becomes the serving name.

        Args:
            capture: Which of its requests are captured; None for none.
            admission: Why the policy of the space accepts the model.
            validate_only: Whether to return the deployment as it would be, and store nothing.

        Raises:
            InvalidArgumentError: The id, the serving name or a text is invalid.
            NotFoundError: The space, the tuned model or the resource of a replayed request does not exist.
            AlreadyExistsError: Id or serving name is taken, or the request id was already used with other content.
            AbortedError: The policy of the space is not that of the admission.
            ExhaustedError: The tenant has as many deployments as its quota allows.
        """
        check_serving_name(id, "deployment_id")
        check_serving_name(serving_name, "deployment.serving_name")
        check_texts(display_name=display_name, description=description)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            self._check_policy(session, space, None, admission)
            self._require_model(session, model)
            self._check_free(session, space, id, serving_name)
            check_deployment(session, self._tenant)
            now = self._database.clock(session)
            row = DeploymentRow(
                tenant=self._tenant,
                space=space,
                id=id,
                display_name=display_name or serving_name,
                serving_name=serving_name,
                description=description,
                tags=list(tags),
                serving_revision=0,
                passed_over_revision=0,
                candidate_revision=0,
                capture=_encoded(capture),
                change_count=0,
                creator=creator,
                create_time=now,
                update_time=now,
            )
            session.add(row)
            session.flush()  # assigns the key that the revision refers to
            revision = add_revision(session, row, 1, model, now, verdict=admission.verdict)
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return self._result(session, row, [revision], validate_only)

    def get(self, space: str, id: str) -> Deployment:
        """Return a deployment.

        Raises:
            NotFoundError: It does not exist in the tenant.
        """
        with self._database.read() as session:
            row = self._require(session, space, id)
            return to_deployment(row, read_revisions(session, row.key))

    def find(self, serving_name: str, field: str = "model") -> Deployment:
        """Return the deployment with a serving name.

        Args:
            field: Field of the request that has the name, for the error.

        Raises:
            InvalidArgumentError: The text is not a valid serving name.
            NotFoundError: No deployment of the tenant has this serving name.
        """
        check_serving_name(serving_name, field)
        with self._database.read() as session:
            row = session.scalars(
                select(DeploymentRow).where(
                    DeploymentRow.tenant == self._tenant, DeploymentRow.serving_name == serving_name
                )
            ).one_or_none()
            if row is None:
                raise NotFoundError.of(f"serving name {serving_name}", "Check the name, or deploy a model under it.")
            return to_deployment(row, read_revisions(session, row.key))

    def check_free(self, space: str, id: str, serving_name: str) -> None:
        """Check that a deployment could be created under an id and a serving name.

        Raises:
            AlreadyExistsError: Id or serving name is taken.
        """
        with self._database.read() as session:
            self._check_free(session, space, id, serving_name)

    def list(
        self, space: str | None = None, request: ListRequest = FIRST_PAGE, *, take: Take[Deployment] = take_any
    ) -> Page[Deployment]:
        """List the deployments of one space or of all spaces, by default newest first.

        Args:
            take: Keeps each item, or returns False to end the page before it.

        Raises:
            NotFoundError: The space does not exist in the tenant.
            InvalidArgumentError: The page size, the token, the filter or the order is invalid.
        """
        conditions = [DeploymentRow.tenant == self._tenant]
        if space is not None:
            conditions.append(DeploymentRow.space == space)

        def check(session: Session) -> None:
            if space is not None:
                require_space(session, self._tenant, space)

        return ListReader(
            database=self._database,
            spec=DEPLOYMENTS,
            tenant=self._tenant,
            parent=space or "-",
            conditions=conditions,
            convert=to_deployments,
            check=check,
        ).read(request, take)

    def update(
        self,
        space: str,
        id: str,
        *,
        etag: str = "",
        model: ModelReference | None = None,
        plan: CanaryPlan | ShadowPlan | None = None,
        display_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        capture: CapturePolicy | None = None,
        admission: Admission = NO_POLICY,
        request: RequestKey | None = None,
        validate_only: bool = False,
    ) -> Deployment:
        """Change the fields that are not None.

        A different model creates a new revision, which is served once it has passed its probe, or is rolled out by
        `plan` from then on. A model ends the rollout that waits or runs. The oldest revisions are deleted, so that at
        most `MAX_REVISIONS` remain.

        Args:
            etag: Etag that the caller has read; if empty, it is not checked.
            plan: How the new revision gets its traffic. It needs `model`.
            admission: Why the policy of the space accepts the model.
            validate_only: Whether to return the deployment as it would be, and store nothing.

        Raises:
            NotFoundError: The deployment or the tuned model does not exist.
            FailedPreconditionError: There is a plan, and no revision is served that the new one can be compared with,
                another one is about to be served, or the model is served already.
            AbortedError: The deployment has changed since the etag was read, or the policy of the space or the served
                model are not those of the admission.
            AlreadyExistsError: The request id was already used with other content.
        """
        check_texts(display_name=display_name, description=description)
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = self._require(session, space, id)
            if etag and etag != etag_of(row):
                raise AbortedError(
                    f"{DeploymentName(self._tenant, space, id)} has changed. Read it again and repeat the update.",
                    metadata={"resource": str(DeploymentName(self._tenant, space, id))},
                )
            now = self._database.clock(session)
            revisions = read_revisions(session, row.key)
            if model is not None:
                if plan is not None:
                    check_comparable(row, revisions, model)
                number = max(item.number for item in revisions) + 1
                new = plan is not None or model != intended_model(row, revisions)
                replaced = f"revision {number}" if new else "an update to the model that is served"
                _end_candidate(session, row, revisions, RolloutState.REPLACED, f"Replaced by {replaced}.", now)
                if new:
                    self._check_policy(session, space, served_model(row, revisions), admission)
                    self._require_model(session, model)
                    rollout = None if plan is None else Rollout(plan=plan)
                    revisions.append(add_revision(session, row, number, model, now, rollout, admission.verdict))
                    row.candidate_revision = number if plan is not None else 0
                    revisions = drop_oldest(session, row, revisions)
            row.display_name = row.display_name if display_name is None else display_name
            row.description = row.description if description is None else description
            row.tags = row.tags if tags is None else list(tags)
            row.capture = row.capture if capture is None else _encoded(capture)
            row.change_count += 1
            row.update_time = now
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return self._result(session, row, revisions, validate_only)

    def rollback(self, space: str, id: str, revision: int = 0, *, request: RequestKey | None = None) -> Deployment:
        """Serve an earlier revision at once, and end a rollout.

        Revisions that are still being probed are not served when they pass.

        Args:
            revision: Number of the revision; 0 for the one that is served if a rollout waits or runs, otherwise for
                the one that the served revision was rolled out beside, or for the newest ready one before it with
                another model.

        Raises:
            NotFoundError: The deployment or the revision does not exist.
            FailedPreconditionError: The revision never passed its probe, its model was deleted, or no earlier revision
                is ready.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = self._require(session, space, id)
            revisions = read_revisions(session, row.key)
            target = rollback_target(session, row, revisions, revision)
            now = self._database.clock(session)
            _end_candidate(session, row, revisions, RolloutState.ROLLED_BACK, "Rolled back on request.", now)
            from_revision, row.serving_revision = row.serving_revision, target.number
            row.passed_over_revision = max(item.number for item in revisions)
            row.change_count += 1
            row.update_time = now
            if from_revision != row.serving_revision:  # otherwise, only the rollout has ended
                publish_rollback(session, row, from_revision, now)
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return to_deployment(row, revisions)

    def promote(self, space: str, id: str, revision: int = 0, *, request: RequestKey | None = None) -> Deployment:
        """Serve the revision that is being rolled out at once.

        Args:
            revision: Number of the revision; 0 for the one that is being rolled out.

        Raises:
            NotFoundError: The deployment does not exist.
            FailedPreconditionError: No rollout runs, or that of another revision does.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.write_tenant(self._tenant) as session:
            replay = find_replay(session, self._tenant, request)
            if replay is not None:
                return self._replayed(session, replay)
            row = self._require(session, space, id)
            revisions = read_revisions(session, row.key)
            check_promotable(row, revisions, revision)
            now = self._database.clock(session)
            _end_candidate(session, row, revisions, RolloutState.PROMOTED, "Promoted on request.", now)
            row.change_count += 1
            row.update_time = now
            remember(session, self._tenant, request, f"{space}/{id}", now)
            return to_deployment(row, revisions)

    def delete(self, space: str, id: str, *, by_administrator: bool = False) -> None:
        """Delete a deployment and release its serving name.

        Args:
            by_administrator: Whether the caller may delete a deployment that serves in a space with a policy. Otherwise
                it could be created again without being compared with the model that it serves, here or, under its
                serving name, in a space without a policy.

        Raises:
            NotFoundError: It does not exist in the tenant.
            PermissionDeniedError: Only an administrator may delete it.
        """
        with self._database.write_tenant(self._tenant) as session:
            row = self._require(session, space, id)
            guarded = row.serving_revision and require_space(session, self._tenant, space).policy is not None
            if guarded and not by_administrator:
                name = str(DeploymentName(self._tenant, space, id))
                raise PermissionDeniedError(
                    f"{name} serves in a space with a policy, so only a key with the scopes write and admin may delete "
                    "it. Update it to another model, or ask an administrator.",
                    metadata={"scope": "admin", "resource": name},
                )
            session.delete(row)

    def publish_refusal(
        self,
        space: str,
        id: str | None,
        *,
        policy: DeployPolicy,
        model: ModelReference,
        baseline: ModelReference,
        evaluation: str | None,
        figures: PolicyFigures | None,
    ) -> None:
        """Publish that the policy of a space has refused a model. It changes nothing, so that this is all there is.

        Args:
            id: Id of the deployment; None if it would have been a new one.
            evaluation: Id of the evaluation that decided; None if none did.
        """
        resource = SpaceName(self._tenant, space) if id is None else DeploymentName(self._tenant, space, id)
        event = refusal_event(
            self._tenant,
            space,
            str(resource),
            policy=policy,
            model=model,
            baseline=baseline,
            evaluation=evaluation,
            figures=figures,
        )
        with acting(None), self._database.write_tenant(self._tenant) as session:  # it is no change to be recorded
            publish(session, self._tenant, event, self._database.clock(session))

    def _find(self, session: Session, space: str, id: str) -> DeploymentRow | None:
        return session.scalars(
            select(DeploymentRow).where(
                DeploymentRow.tenant == self._tenant, DeploymentRow.space == space, DeploymentRow.id == id
            )
        ).one_or_none()

    def _require(self, session: Session, space: str, id: str) -> DeploymentRow:
        row = self._find(session, space, id)
        if row is None:
            raise NotFoundError.of(str(DeploymentName(self._tenant, space, id)))
        return row

    def _replayed(self, session: Session, replay: Replay) -> Deployment:
        space, id = replay.resource.split("/")
        row = self._find(session, space, id)
        if row is None or not replay.made(row.create_time):
            raise deleted_since(str(DeploymentName(self._tenant, space, id)))
        return to_deployment(row, read_revisions(session, row.key))

    def find_replayed(self, request: RequestKey) -> Deployment | None:
        """Return the deployment that an earlier request with the same id made or changed; None if the request is new.

        Raises:
            NotFoundError: The deployment has been deleted since.
            AlreadyExistsError: The request id was already used with other content.
        """
        with self._database.read() as session:
            replay = find_replay(session, self._tenant, request)
            return None if replay is None else self._replayed(session, replay)

    def _check_policy(self, session: Session, space: str, serving: ModelReference | None, admission: Admission) -> None:
        """Raise AbortedError if the admission is of another policy, another served model, or not for a new model."""
        stored = require_space(session, self._tenant, space).policy
        policy = None if stored is None else decode(DeployPolicy, stored)
        if policy == admission.policy and (policy is None or (serving == admission.serving and not admission.is_known)):
            return
        name = str(SpaceName(self._tenant, space))
        raise AbortedError(
            f"The policy of {name} or the served model was changed at the same time. Repeat the request.",
            reason="POLICY_CHANGED",
            metadata={"resource": name},
        )

    def _result(
        self, session: Session, row: DeploymentRow, revisions: Sequence[RevisionRow], validate_only: bool
    ) -> Deployment:
        """Return a changed deployment; if it was only validated, undo the change."""
        found = to_deployment(row, revisions)
        if validate_only:
            session.rollback()
        return found

    def _require_model(self, session: Session, model: ModelReference) -> None:
        assert (model.tuned_model is None) != (model.base_model is None)
        if model.tuned_model is not None:
            require_tuned_model(session, self._tenant, model.tuned_model)

    def _check_free(self, session: Session, space: str, id: str, serving_name: str) -> None:
        taken = session.scalars(
            select(DeploymentRow)
            .where(
                DeploymentRow.tenant == self._tenant,
                or_(
                    DeploymentRow.serving_name == serving_name,
                    (DeploymentRow.space == space) & (DeploymentRow.id == id),
                ),
            )
            .limit(1)
        ).first()
        if taken is None:
            return
        name = DeploymentName(self._tenant, taken.space, taken.id)
        what = f"serving name {serving_name}" if taken.serving_name == serving_name else f"id {id}"
        raise AlreadyExistsError(
            f"The {what} is taken by {name}. Update that deployment, or choose another name.",
            metadata={"resource": str(name)},
        )


def _encoded(capture: CapturePolicy | None) -> dict[str, Any] | None:
    return None if capture is None else encode(CapturePolicy, capture, "capture")


def _end_candidate(
    session: Session,
    row: DeploymentRow,
    revisions: Sequence[RevisionRow],
    state: RolloutState,
    explanation: str,
    now: datetime,
) -> None:
    """End the rollout that waits or runs, if there is one."""
    for revision in revisions:
        if revision.number == row.candidate_revision:
            end_rollout(session, row, revision, state, explanation, now)
            return
