"""DeploymentService: deployments and their revisions; `spaces` has the RPCs about spaces."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from google.protobuf import empty_pb2

from foreword.domain.deploy_policy import NO_POLICY
from foreword.domain.deployment import Deployment
from foreword.domain.model_reference import ModelReference
from foreword.domain.resource_view import ResourceView
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError, PermissionDeniedError
from foreword.names import DeploymentName, SpaceName
from foreword.plugin.manager import PluginManager
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.convert import deployment as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.inference.prober import Prober
from foreword.server.plans.deploy_gate import DeployGate, Force
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.server.services.spaces import SpaceRpcs
from foreword.storage.captures.repository import CaptureRepository
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import deployment_pb2, deployment_service_pb2, deployment_service_pb2_grpc

_ALL_SPACES = "-"


class DeploymentService(SpaceRpcs, deployment_service_pb2_grpc.DeploymentServiceServicer):
    """The implementation of `foreword.v1.DeploymentService`."""

    def __init__(
        self,
        *,
        database: Database,
        plugins: PluginManager,
        models: ModelResolver,
        prober: Prober,
        gate: DeployGate,
        storage: TurnPool,
        max_captured_bytes: int,
    ) -> None:
        self._storage = storage
        self._max_captured_bytes = max_captured_bytes
        self._gate = gate
        self._database = database
        self._plugins = plugins
        self._models = models
        self._prober = prober

    async def CreateDeployment(
        self, request: deployment_service_pb2.CreateDeploymentRequest, context: Any
    ) -> deployment_pb2.Deployment:
        """Create a deployment, which is served once its first revision has passed its probe."""
        new = convert.parse_new_deployment(request)
        key = request_key("CreateDeployment", request)
        caller = current_caller()
        if new.parent is not None:
            require_own(new.parent.tenant, request.parent)
        model = self._reference(new.model)
        force = _force(new.force_reason)
        deployments = self._deployments(caller.tenant)
        if key is not None and not new.validate_only:
            made = await self._storage.run(caller.tenant, READ_SECONDS, deployments.find_replayed, key)
            if made is not None:
                return convert.deployment(made)
        space = convert.DEFAULT_SPACE if new.parent is None else new.parent.space
        id = new.id or f"deployment-{secrets.token_hex(4)}"
        serving_name = new.serving_name or id
        # Before the policy, which may ask for an evaluation that would be in vain. The transaction checks it again.
        await self._storage.run(caller.tenant, READ_SECONDS, deployments.check_free, space, id, serving_name)
        created = await self._storage.run(
            caller.tenant,
            WRITE_SECONDS,
            deployments.create,
            space=space,
            id=id,
            serving_name=serving_name,
            display_name=new.display_name,
            description=new.description,
            tags=new.tags,
            capture=new.capture,
            model=model,
            creator=caller.api_key,
            admission=await self._storage.run(
                caller.tenant,
                READ_SECONDS,
                partial(self._gate.admit, caller.tenant, space, model, force=force, validate_only=new.validate_only),
            ),
            request=key,
            validate_only=new.validate_only,
        )
        if not new.validate_only:
            self._changed()
        return convert.deployment(created)

    async def GetDeployment(
        self, request: deployment_service_pb2.GetDeploymentRequest, context: Any
    ) -> deployment_pb2.Deployment:
        """Return a deployment."""
        name = self._name(request.name)
        found = await self._storage.run(
            name.tenant, READ_SECONDS, self._deployments(name.tenant).get, name.space, name.deployment
        )
        require_readable(found.creator, request.name)
        captures = CaptureRepository(self._database, name.tenant)
        read = partial(captures.usage, name.space, name.deployment, max_tenant_bytes=self._max_captured_bytes)
        return convert.deployment(found, usage=await self._storage.run(name.tenant, READ_SECONDS, read))

    async def ListDeployments(
        self, request: deployment_service_pb2.ListDeploymentsRequest, context: Any
    ) -> deployment_service_pb2.ListDeploymentsResponse:
        """List deployments, newest first."""
        caller = current_caller()
        space = None
        if request.parent:
            parent = SpaceName.parse(request.parent, "parent")
            require_own(parent.tenant, request.parent)
            space = None if parent.space == _ALL_SPACES else parent.space
        listed = parse_list_request(request, creator=caller.reads_only_of)
        full = listed.view is ResourceView.FULL
        deployments = self._deployments(caller.tenant)
        return await fill_page(
            self._storage,
            deployment_service_pb2.ListDeploymentsResponse(),
            "deployments",
            lambda take: deployments.list(space, listed, take=take),
            lambda item: convert.deployment(item, with_revisions=full),
        )

    async def UpdateDeployment(
        self, request: deployment_service_pb2.UpdateDeploymentRequest, context: Any
    ) -> deployment_pb2.Deployment:
        """Change a deployment. A new model is served or rolled out once it has passed its probe."""
        change = convert.parse_deployment_change(request)
        key = request_key("UpdateDeployment", request)
        require_own(change.name.tenant, str(change.name))
        tenant, space, id = change.name.tenant, change.name.space, change.name.deployment
        force = _force(change.force_reason)
        deployments = self._deployments(tenant)
        if key is not None and not change.validate_only:
            made = await self._storage.run(tenant, READ_SECONDS, deployments.find_replayed, key)
            if made is not None:
                return convert.deployment(made)
        model, admission = None, NO_POLICY
        if change.model is not None:
            model = self._reference(change.model)
            admission = await self._storage.run(
                tenant,
                READ_SECONDS,
                partial(
                    self._gate.admit,
                    tenant,
                    space,
                    model,
                    deployment=id,
                    force=force,
                    validate_only=change.validate_only,
                ),
            )
        updated = await self._storage.run(
            tenant,
            WRITE_SECONDS,
            deployments.update,
            space,
            id,
            etag=change.etag,
            model=model,
            plan=change.plan,
            display_name=change.display_name,
            description=change.description,
            tags=change.tags,
            capture=change.capture,
            admission=admission,
            request=key,
            validate_only=change.validate_only,
        )
        if not change.validate_only:
            self._changed()
        return convert.deployment(updated)

    async def RollbackDeployment(
        self, request: deployment_service_pb2.RollbackDeploymentRequest, context: Any
    ) -> deployment_pb2.Deployment:
        """Return to an earlier revision at once."""
        return await self._serve_revision("RollbackDeployment", DeploymentRepository.rollback, request)

    async def PromoteDeployment(
        self, request: deployment_service_pb2.PromoteDeploymentRequest, context: Any
    ) -> deployment_pb2.Deployment:
        """Serve the revision that is being rolled out at once."""
        return await self._serve_revision("PromoteDeployment", DeploymentRepository.promote, request)

    async def DeleteDeployment(
        self, request: deployment_service_pb2.DeleteDeploymentRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete a deployment."""
        name = self._name(request.name)
        await self._storage.run(
            name.tenant,
            WRITE_SECONDS,
            self._deployments(name.tenant).delete,
            name.space,
            name.deployment,
            by_administrator=Scope.ADMIN in current_caller().scopes,
        )
        self._changed()
        return empty_pb2.Empty()

    async def _serve_revision(
        self,
        rpc: str,
        serve: Callable[..., Deployment],
        request: deployment_service_pb2.RollbackDeploymentRequest | deployment_service_pb2.PromoteDeploymentRequest,
    ) -> deployment_pb2.Deployment:
        """Change at once which revision of a deployment is served."""
        name = self._name(request.name)
        if request.revision < 0:
            raise InvalidArgumentError.of("revision", f"must be at least 0, not {request.revision}")
        changed = await self._storage.run(
            name.tenant,
            WRITE_SECONDS,
            serve,
            self._deployments(name.tenant),
            name.space,
            name.deployment,
            request.revision,
            request=request_key(rpc, request),
        )
        self._changed()
        return convert.deployment(changed)

    def _changed(self) -> None:
        """Apply a change in this process at once. Other replicas notice it within a second."""
        self._models.forget()
        self._prober.wake()

    def _reference(self, model: convert.NamedModel) -> ModelReference:
        """Return the model to deploy, with aliases resolved. The transaction checks that a tuned model exists."""
        if model.tuned_model is not None:
            require_own(model.tuned_model.tenant, str(model.tuned_model))
            return ModelReference(tuned_model=model.tuned_model.tuned_model)
        assert model.base_model is not None
        return ModelReference(base_model=self._plugins.base_model(model.base_model).spec.id)

    def _name(self, text: str) -> DeploymentName:
        name = DeploymentName.parse(text)
        require_own(name.tenant, text)
        return name

    def _deployments(self, tenant: str) -> DeploymentRepository:
        return DeploymentRepository(self._database, tenant)


def _force(reason: str) -> Force | None:
    """Return the wish to deploy a model that the policy refuses; None if there is none.

    Raises:
        PermissionDeniedError: The caller's key lacks the scope `admin`.
    """
    if not reason:
        return None
    caller = current_caller()
    if Scope.ADMIN not in caller.scopes:
        raise PermissionDeniedError(
            "Only a key with the scopes write and admin can force a deployment. Leave force_reason out, or ask an "
            "administrator.",
            metadata={"scope": Scope.ADMIN.value},
        )
    return Force(reason=reason, by=caller.api_key)
