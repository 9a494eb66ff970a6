# Generated from `_async/deployments.py` by `unasync.py`. Change that file, then run: make client

"""Deployments."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import Any

from foreword.client import decode, resources
from foreword.client._sync.policy_evaluations import PolicyEvaluationMethods
from foreword.client._sync.spaces import SpaceMethods
from foreword.client._sync.waiting import sleep
from foreword.client.capture_messages import encode_capture
from foreword.client.listed import Listed
from foreword.client.message import build, enum_name
from foreword.client.reference import Reference, is_full_name, new_request_id
from foreword.client.rollout_messages import encode_rollout
from foreword.client.rollout_resources import Canary, Shadow
from foreword.domain.capture import CapturePolicy
from foreword.domain.deployment import DeploymentState, RevisionState
from foreword.domain.resource_view import ResourceView
from foreword.errors import DeadlineExceededError, FailedPreconditionError
from foreword.v1 import deployment_pb2
from foreword.v1 import deployment_service_pb2 as messages

_DEPLOYMENTS = "spaces/default/deployments"
_WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.25


class DeploymentMethods(SpaceMethods, PolicyEvaluationMethods):
    """Methods of `DeploymentService`."""

    def create_deployment(
        self,
        model: Reference,
        *,
        serving_name: str,
        space: Reference = "default",
        display_name: str = "",
        description: str = "",
        tags: Sequence[str] = (),
        capture: CapturePolicy | None = None,
        evaluate: bool = False,
        force_reason: str = "",
        validate_only: bool = False,
        wait: bool = True,
        timeout_seconds: float = _WAIT_SECONDS,
    ) -> resources.Deployment:
        """Deploy a tuned model or a base model under a serving name.

        Args:
            model: The tuned model or its name, or `baseModels/{model}`.
            serving_name: Name that requests use; unique in the tenant.
            capture: Which requests are captured, and how long they are kept. Default: none are.
            evaluate: If the policy of the space needs an evaluation that does not exist, run it and wait for it first.
            force_reason: Why the model is deployed although it does not meet the policy. Only for keys that also have
                the scope `admin`; the reason is stored in the revision.
            validate_only: Return the deployment as it would be, with the verdict of the policy in its newest revision,
                and create nothing.
            wait: Wait until the deployment serves; otherwise return at once, while its probe runs.
            timeout_seconds: Maximum time to wait.

        Raises:
            AlreadyExistsError: The serving name is taken.
            FailedPreconditionError: The model does not meet the policy of the space (POLICY_NOT_MET) or was not
                evaluated for it (POLICY_NOT_EVALUATED), or the deployment did not pass its probe; the message has the
                reason, and `metadata` the figures.
            DeadlineExceededError: The deployment was not ready in time.
        """
        deployment = build(
            deployment_pb2.Deployment,
            "deployment",
            serving_name=serving_name,
            display_name=display_name,
            description=description,
            tags=tags,
            capture=encode_capture(capture),
        )
        request = build(
            messages.CreateDeploymentRequest,
            deployment=deployment,
            force_reason=force_reason,
            validate_only=validate_only,
        )
        references = {"parent": (space, "spaces"), "deployment.model": (model, "tunedModels")}

        def create() -> resources.Deployment:
            request.request_id = new_request_id()
            return decode.deployment(self._call(self._deployments.CreateDeployment, request, references))

        created = self._evaluated(create, evaluate)
        if not wait or validate_only:
            return created
        return self.wait_for_deployment(created, timeout_seconds=timeout_seconds)

    def get_deployment(self, deployment: Reference) -> resources.Deployment:
        """Return a deployment by its id in the space `default`, its serving name, its id elsewhere or its display name.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
        """
        references = {"name": (deployment, _DEPLOYMENTS)}
        return decode.deployment(
            self._call(self._deployments.GetDeployment, messages.GetDeploymentRequest(), references)
        )

    def list_deployments(
        self,
        *,
        space: Reference | None = None,
        filter: str = "",
        order_by: str = "",
        view: ResourceView = ResourceView.BASIC,
        limit: int | None = None,
        page_token: str = "",
    ) -> Listed[resources.Deployment]:
        """Return the deployments of a space or of all spaces.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `state = READY`; the
                comment of `ListDeploymentsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: newest first.
            view: `basic` leaves out revisions, `full` includes them.
            limit: Maximum number to return. Default: all.
            page_token: `next_page_token` of the list that these items follow. Default: the beginning.

        Raises:
            InvalidArgumentError: The filter, the order or the token is invalid. The error names the fields.
        """
        request = build(
            messages.ListDeploymentsRequest,
            filter=filter,
            order_by=order_by,
            page_token=page_token,
            view=enum_name("view", ResourceView, view, "RESOURCE_VIEW"),
        )
        return self._pages(
            self._deployments.ListDeployments,
            request,
            lambda page: page.deployments,
            decode.deployment,
            limit,
            {} if space is None else {"parent": (space, "spaces")},
        )

    def stream_deployments(
        self, *, filter: str = "", order_by: str = "", page_size: int = 1000
    ) -> Generator[resources.Deployment]:
        """Yield what `list_deployments` returns, of which only a page is in memory.

        Args:
            page_size: Number of items to read at once, at most 1,000.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListDeploymentsRequest, filter=filter, order_by=order_by)
        for message in self._messages(
            self._deployments.ListDeployments, request, lambda page: page.deployments, page_size, {}
        ):
            yield decode.deployment(message)

    def update_deployment(
        self,
        deployment: Reference,
        *,
        model: Reference | None = None,
        rollout: Canary | Shadow | None = None,
        display_name: str | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        capture: CapturePolicy | None = None,
        etag: str = "",
        evaluate: bool = False,
        force_reason: str = "",
        validate_only: bool = False,
        wait: bool = True,
        timeout_seconds: float = _WAIT_SECONDS,
    ) -> resources.Deployment:
        """Change a deployment. A different model creates a new revision, which serves once it has passed its probe.

        A model ends the rollout that waits or runs.

        Args:
            rollout: A canary or a shadow, by which the new revision gets traffic before it is served. It needs `model`.
                Default: the revision serves all requests once it has passed its probe.
            capture: Which requests are captured from now on. `CapturePolicy()` captures none; those that are stored are
                kept for its `retention_days`. Default: unchanged.
            etag: Etag of the deployment as it was read; the update is refused if it is outdated. Default: no check.
            evaluate: If the policy of the space needs an evaluation that does not exist, run it and wait for it first.
            force_reason: Why the model is deployed although it does not meet the policy; see `create_deployment`.
            validate_only: Return the deployment as it would be, and change nothing.
            wait: Wait until the new revision serves, or its rollout runs.

        Raises:
            AbortedError: The deployment has changed since its etag was read.
            FailedPreconditionError: The model does not meet the policy of the space (POLICY_NOT_MET) or was not
                evaluated for it (POLICY_NOT_EVALUATED), or the new revision did not pass its probe; the old one is
                still served. Or there is nothing that it can be compared with in a rollout.
        """
        references: dict[str, tuple[Reference, str]] = {"deployment.name": (deployment, _DEPLOYMENTS)}
        changes: dict[str, Any] = {
            "display_name": display_name,
            "description": description,
            "tags": tags,
            "capture": encode_capture(capture),
        }
        given = {field: value for field, value in changes.items() if value is not None}
        changed = list(given)
        if model is not None:
            references["deployment.model"] = (model, "tunedModels")
            changed.append("model")
        request = build(
            messages.UpdateDeploymentRequest,
            force_reason=force_reason,
            validate_only=validate_only,
            **encode_rollout(rollout),
        )
        request.deployment.CopyFrom(build(deployment_pb2.Deployment, "deployment", etag=etag, **given))
        request.update_mask.paths.extend(changed)

        def update() -> resources.Deployment:
            request.request_id = new_request_id()
            return decode.deployment(self._call(self._deployments.UpdateDeployment, request, references))

        updated = self._evaluated(update, evaluate)
        if not wait or validate_only or model is None:
            return updated
        return self.wait_for_deployment(updated, timeout_seconds=timeout_seconds)

    def rollback_deployment(self, deployment: Reference, revision: int = 0) -> resources.Deployment:
        """Roll a deployment back to an earlier revision immediately. This ends a rollout.

        Args:
            revision: Number of the revision. Default 0: the one that is served if a rollout waits or runs, or else the
                one that it was rolled out beside, or the newest ready revision before it that has another model.

        Raises:
            NotFoundError: The deployment or the revision does not exist.
            FailedPreconditionError: The revision never passed its probe, its model was deleted, or there is no earlier
                revision.
        """
        request = build(messages.RollbackDeploymentRequest, revision=revision, request_id=new_request_id())
        references = {"name": (deployment, _DEPLOYMENTS)}
        return decode.deployment(self._call(self._deployments.RollbackDeployment, request, references))

    def delete_deployment(self, deployment: Reference) -> None:
        """Delete a deployment. Running requests are completed.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
        """
        references = {"name": (deployment, _DEPLOYMENTS)}
        request = messages.DeleteDeploymentRequest()
        self._call(self._deployments.DeleteDeployment, request, references, gone_is_done=True)

    def wait_for_deployment(
        self, deployment: Reference, *, timeout_seconds: float = _WAIT_SECONDS
    ) -> resources.Deployment:
        """Wait until the newest revision of a deployment serves.

        Raises:
            FailedPreconditionError: The deployment did not pass its probe; the message has the reason.
            DeadlineExceededError: The deployment was not ready in time.
        """
        if isinstance(deployment, str) and not is_full_name(deployment):
            name = (self.get_deployment(deployment)).name
        else:
            name = self._name(deployment, _DEPLOYMENTS)
        deadline = time.monotonic() + timeout_seconds
        while True:
            request = messages.GetDeploymentRequest(name=name)
            remaining = max(deadline - time.monotonic(), 0.001)
            current = decode.deployment(
                self._connection.unary(
                    self._deployments.GetDeployment,
                    request,
                    safe=True,
                    timeout_seconds=min(self._connection.timeout_seconds, remaining),
                )
            )
            newest = current.revisions[0] if current.revisions else None
            if newest is not None and newest.state is RevisionState.FAILED:
                failure = newest.failure or current.failure
                raise FailedPreconditionError(
                    f"Revision {newest.revision} of {current.name} is not served: "
                    f"{failure.message if failure else 'it did not pass its probe.'}",
                    reason=failure.reason if failure else "",
                )
            if current.state is DeploymentState.READY:
                return current
            if time.monotonic() > deadline:
                raise DeadlineExceededError(
                    f"{current.name} was not ready within {timeout_seconds:.0f} s; it is {current.state.value}. "
                    f"Check it again later, or read the service's log."
                )
            sleep(_POLL_SECONDS)
