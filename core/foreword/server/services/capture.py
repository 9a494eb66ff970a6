"""CaptureService: the captured requests of deployments."""

from __future__ import annotations

from functools import partial
from typing import Any

from foreword.names import DeploymentName
from foreword.server.callers.auth import require_own, require_readable
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS
from foreword.server.captures.recorder import CaptureRecorder
from foreword.server.convert import capture as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.services.responses import fill_page
from foreword.storage.captures.repository import CaptureRepository
from foreword.storage.captures.usage import BATCH
from foreword.storage.database import Database
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import capture_service_pb2, capture_service_pb2_grpc


class CaptureService(capture_service_pb2_grpc.CaptureServiceServicer):
    """The implementation of `foreword.v1.CaptureService`."""

    def __init__(self, *, database: Database, recorder: CaptureRecorder, storage: TurnPool) -> None:
        self._database = database
        self._recorder = recorder
        self._storage = storage

    async def ListCapturedRequests(
        self, request: capture_service_pb2.ListCapturedRequestsRequest, context: Any
    ) -> capture_service_pb2.ListCapturedRequestsResponse:
        """List the captured requests of a deployment, newest first."""
        name = DeploymentName.parse(request.name)
        listed = parse_list_request(request)
        await self._require_readable(name)
        captures = CaptureRepository(self._database, name.tenant)
        return await fill_page(
            self._storage,
            capture_service_pb2.ListCapturedRequestsResponse(),
            "captured_requests",
            lambda take: captures.list(name.space, name.deployment, listed, take=take),
            convert.captured_request,
        )

    async def DeleteCapturedRequests(
        self, request: capture_service_pb2.DeleteCapturedRequestsRequest, context: Any
    ) -> capture_service_pb2.DeleteCapturedRequestsResponse:
        """Delete captured requests by their ids or by a condition, in small transactions."""
        deletion = convert.parse_deletion(request)
        name = deletion.deployment
        require_own(name.tenant, request.name)
        await self._recorder.settle(name)
        delete = partial(
            CaptureRepository(self._database, name.tenant).delete_some,
            name.space,
            name.deployment,
            request_ids=deletion.request_ids,
            filter=deletion.filter,
        )
        total = 0
        while True:
            deleted = await self._storage.run(name.tenant, WRITE_SECONDS, delete)
            total += deleted
            if deleted < BATCH:
                return capture_service_pb2.DeleteCapturedRequestsResponse(deleted_count=total)

    async def _require_readable(self, name: DeploymentName) -> None:
        """Raise the error for a missing deployment unless the caller may read this one."""
        require_own(name.tenant, str(name))
        deployments = DeploymentRepository(self._database, name.tenant)
        found = await self._storage.run(name.tenant, READ_SECONDS, deployments.get, name.space, name.deployment)
        require_readable(found.creator, str(name))
