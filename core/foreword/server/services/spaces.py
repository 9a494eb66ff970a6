"""The RPCs of DeploymentService about spaces."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2

from foreword.domain.deploy_policy import DEFAULT_MIN_ROW_COUNT, DeployPolicy
from foreword.domain.tenant import Scope
from foreword.domain.violations import Violations
from foreword.names import SpaceName, TenantName
from foreword.plugin.manager import PluginManager
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.convert.deploy_policy import RequestedPolicy
from foreword.server.convert.paging import parse_list_request
from foreword.server.convert.space import parse_new_space, parse_space_change, space
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.spaces import SpaceRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import deployment_pb2, deployment_service_pb2


class SpaceRpcs:
    """The RPCs of `foreword.v1.DeploymentService` about spaces."""

    _storage: TurnPool
    _database: Database
    _plugins: PluginManager

    async def CreateSpace(
        self, request: deployment_service_pb2.CreateSpaceRequest, context: Any
    ) -> deployment_pb2.Space:
        """Create a space."""
        new = parse_new_space(request)
        key = request_key("CreateSpace", request)
        caller = current_caller()
        require_own(new.tenant or caller.tenant, request.parent)
        if key is not None:
            made = await self._storage.run(caller.tenant, READ_SECONDS, self._spaces(caller.tenant).find_replayed, key)
            if made is not None:
                return space(made)
        created = await self._storage.run(
            caller.tenant,
            WRITE_SECONDS,
            self._spaces(caller.tenant).create,
            id=new.id,
            display_name=new.display_name,
            stage=new.stage,
            description=new.description,
            tags=new.tags,
            policy=await self._policy(caller.tenant, new.policy),
            creator=caller.api_key,
            request=key,
        )
        return space(created)

    async def GetSpace(self, request: deployment_service_pb2.GetSpaceRequest, context: Any) -> deployment_pb2.Space:
        """Return a space."""
        name = SpaceName.parse(request.name)
        require_own(name.tenant, request.name)
        found = await self._storage.run(name.tenant, READ_SECONDS, self._spaces(name.tenant).get, name.space)
        require_readable(found.creator, request.name)
        return space(found)

    async def ListSpaces(
        self, request: deployment_service_pb2.ListSpacesRequest, context: Any
    ) -> deployment_service_pb2.ListSpacesResponse:
        """List spaces, ordered by id."""
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request, creator=caller.reads_only_of)
        spaces = self._spaces(caller.tenant)
        return await fill_page(
            self._storage,
            deployment_service_pb2.ListSpacesResponse(),
            "spaces",
            lambda take: spaces.list(listed, take=take),
            space,
        )

    async def UpdateSpace(
        self, request: deployment_service_pb2.UpdateSpaceRequest, context: Any
    ) -> deployment_pb2.Space:
        """Change a space."""
        change = parse_space_change(request)
        key = request_key("UpdateSpace", request)
        require_own(change.name.tenant, str(change.name))
        tenant = change.name.tenant
        if key is not None:
            made = await self._storage.run(tenant, READ_SECONDS, self._spaces(tenant).find_replayed, key)
            if made is not None:
                return space(made)
        updated = await self._storage.run(
            tenant,
            WRITE_SECONDS,
            self._spaces(tenant).update,
            change.name.space,
            etag=change.etag,
            display_name=change.display_name,
            stage=change.stage,
            description=change.description,
            tags=change.tags,
            policy=await self._policy(tenant, change.policy),
            removes_policy=change.removes_policy,
            by_administrator=Scope.ADMIN in current_caller().scopes,
            request=key,
        )
        return space(updated)

    async def DeleteSpace(self, request: deployment_service_pb2.DeleteSpaceRequest, context: Any) -> empty_pb2.Empty:
        """Delete an empty space."""
        name = SpaceName.parse(request.name)
        require_own(name.tenant, request.name)
        await self._storage.run(
            name.tenant,
            WRITE_SECONDS,
            self._spaces(name.tenant).delete,
            name.space,
            by_administrator=Scope.ADMIN in current_caller().scopes,
        )
        return empty_pb2.Empty()

    async def _policy(self, tenant: str, requested: RequestedPolicy | None) -> DeployPolicy | None:
        """Return a policy with all defaults.

        Raises:
            NotFoundError: The dataset does not exist, or the caller's key cannot read it.
            InvalidArgumentError: No task has the metric, or the dataset has too few rows.
        """
        if requested is None:
            return None
        require_own(requested.dataset.tenant, str(requested.dataset))
        datasets = DatasetRepository(self._database, tenant)
        dataset = await self._storage.run(tenant, READ_SECONDS, datasets.get, requested.dataset.dataset)
        require_readable(dataset.creator, str(requested.dataset))
        metrics = {metric.id: metric for task in self._plugins.tasks.items.values() for metric in task.metrics}
        violations = Violations()
        violations.choice("space.policy.metric", requested.metric, sorted(metrics))
        if requested.min_row_count > dataset.row_count:
            violations.add(
                "space.policy.min_row_count",
                f"must be at most {dataset.row_count:,}, the number of rows of {requested.dataset}, not "
                f"{requested.min_row_count:,}",
            )
        violations.check()
        return DeployPolicy(
            metric=requested.metric,
            dataset=dataset.id,
            margin=requested.margin,
            min_row_count=requested.min_row_count or min(DEFAULT_MIN_ROW_COUNT, dataset.row_count),
            higher_is_better=metrics[requested.metric].higher_is_better,
        )

    def _spaces(self, tenant: str) -> SpaceRepository:
        return SpaceRepository(self._database, tenant)
