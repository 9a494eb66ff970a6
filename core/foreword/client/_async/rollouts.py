"""Rollouts of revisions: canaries and shadows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import cached_property
from typing import Any

from foreword.client import decode, resources
from foreword.client._async.service import ServiceMethods
from foreword.client._async.waiting import sleep
from foreword.client.message import build
from foreword.client.reference import Reference, new_request_id
from foreword.v1 import deployment_service_pb2 as messages
from foreword.v1 import deployment_service_pb2_grpc

_DEPLOYMENTS = "spaces/default/deployments"
_POLL_SECONDS = 1.0
"""As often as the service adds up the figures."""


class RolloutMethods(ServiceMethods):
    """Methods of `DeploymentService` for rollouts. `update_deployment` starts them."""

    @cached_property
    def _rollouts(self) -> Any:
        return self._connection.stub(deployment_service_pb2_grpc.DeploymentServiceStub)

    async def promote_deployment(self, deployment: Reference, revision: int = 0) -> resources.Deployment:
        """Serve the revision that is being rolled out immediately.

        Args:
            revision: Number that the revision must have. Default 0: not checked.

        Raises:
            NotFoundError: The deployment does not exist.
            FailedPreconditionError: No rollout runs, or that of another revision does.
        """
        request = build(messages.PromoteDeploymentRequest, revision=revision, request_id=new_request_id())
        references = {"name": (deployment, _DEPLOYMENTS)}
        return decode.deployment(await self._call(self._rollouts.PromoteDeployment, request, references))

    async def watch_rollout(self, deployment: Reference) -> AsyncGenerator[resources.Deployment]:
        """Yield a deployment whenever the figures of its rollout have changed, until the rollout has ended.

        The revision that is rolled out is `candidate` of each deployment but the last, which has none. Its outcome is
        the `rollout` of that revision in `revisions`. A deployment without a rollout is yielded once.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
        """
        references = {"name": (deployment, _DEPLOYMENTS)}
        last: resources.Deployment | None = None
        while True:
            found = decode.deployment(
                await self._call(self._rollouts.GetDeployment, messages.GetDeploymentRequest(), references)
            )
            if found != last:
                yield found
            if not found.candidate_revision:
                return
            last = found
            await sleep(_POLL_SECONDS)
