"""CaptureService: the captured requests of deployments, feedback about answers, datasets of both, and drift."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from foreword.domain.capture import CapturedRequest
from foreword.domain.deployment import Deployment
from foreword.domain.tenant import Scope
from foreword.errors import ForewordError, PermissionDeniedError
from foreword.names import DatasetName, DeploymentName
from foreword.plugin.interfaces import LabelSpace
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import BEGIN_SECONDS, READ_SECONDS, WRITE_SECONDS
from foreword.server.captures.drift import DriftMeasurer
from foreword.server.captures.export import CaptureExporter
from foreword.server.captures.recorder import CaptureRecorder
from foreword.server.captures.redaction import Redactor
from foreword.server.captures.right_labels import check_right_answer
from foreword.server.convert import capture as convert
from foreword.server.convert import dataset as convert_dataset
from foreword.server.convert import drift as convert_drift
from foreword.server.convert.paging import parse_list_request
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import fill_page
from foreword.storage.captures.feedback import FeedbackRepository
from foreword.storage.captures.repository import EVERYTHING, CaptureRepository
from foreword.storage.captures.usage import BATCH
from foreword.storage.database import Database
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.storage.repositories.deployments import DeploymentRepository
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import capture_pb2, capture_service_pb2, capture_service_pb2_grpc, dataset_pb2, drift_pb2


class CaptureService(capture_service_pb2_grpc.CaptureServiceServicer):
    """The implementation of `foreword.v1.CaptureService`.

    Args:
        max_tenant_bytes: Room that the captured requests and the feedback of a tenant may take.
        count: Called for each feedback with whether the answer was right; None for no counts.
    """

    def __init__(
        self,
        *,
        database: Database,
        models: ModelResolver,
        recorder: CaptureRecorder,
        redactor: Redactor,
        exporter: CaptureExporter,
        drift: DriftMeasurer,
        storage: TurnPool,
        work: TurnPool,
        max_tenant_bytes: int,
        count: Callable[[Deployment, bool | None], None] | None = None,
    ) -> None:
        self._database = database
        self._models = models
        self._recorder = recorder
        self._redactor = redactor
        self._exporter = exporter
        self._drift = drift
        self._storage = storage
        self._work = work
        self._max_tenant_bytes = max_tenant_bytes
        self._count = count

    async def ListCapturedRequests(
        self, request: capture_service_pb2.ListCapturedRequestsRequest, context: Any
    ) -> capture_service_pb2.ListCapturedRequestsResponse:
        """List the captured requests of a deployment, newest first."""
        name = DeploymentName.parse(request.name)
        listed = parse_list_request(request)
        await self._readable(name)
        await self._recorder.settle(name)
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
        if deletion.filter not in ("", EVERYTHING):
            await self._require_filter(name)
        await self._recorder.settle(name)
        delete = partial(
            CaptureRepository(self._database, name.tenant).delete_some,
            name.space,
            name.deployment,
            request_ids=deletion.request_ids,
            filter=deletion.filter,
        )
        total = 0
        times: list[datetime] = []
        while True:
            deleted = await self._storage.run(name.tenant, WRITE_SECONDS, delete)
            total += deleted.count
            times += deleted.times[:1] + deleted.times[-1:]
            if deleted.count < BATCH:
                break
        datasets = DatasetRepository(self._database, name.tenant)
        made = []
        if times:
            await self._storage.run(name.tenant, WRITE_SECONDS, self._database.empty_log)
            made = await self._storage.run(
                name.tenant, READ_SECONDS, datasets.made_of_captures, name, min(times), max(times)
            )
        return capture_service_pb2.DeleteCapturedRequestsResponse(
            deleted_count=total, datasets=[str(DatasetName(name.tenant, id)) for id in made]
        )

    async def SubmitFeedback(
        self, request: capture_service_pb2.SubmitFeedbackRequest, context: Any
    ) -> capture_pb2.Feedback:
        """Store what is said about the answer to a request."""
        given = convert.parse_feedback(request)
        deployment = await self._called(given.deployment)
        name = DeploymentName(deployment.tenant, deployment.space, deployment.id)
        space = await self._label_space(name)
        await self._recorder.settle(name)
        submit = partial(self._submit, name, given, space)
        stored = await self._storage.run(name.tenant, WRITE_SECONDS, submit)
        if self._count is not None:
            self._count(deployment, stored.correct)
        return convert.feedback(stored)

    async def ExportCapturedRequests(
        self, request: capture_service_pb2.ExportCapturedRequestsRequest, context: Any
    ) -> dataset_pb2.Dataset:
        """Make a dataset of captured requests."""
        wanted = convert.parse_export(request)
        name, caller = wanted.deployment, current_caller()
        await self._readable(name)
        key = request_key("ExportCapturedRequests", request)
        datasets = DatasetRepository(self._database, name.tenant)
        made = await self._storage.run(name.tenant, READ_SECONDS, datasets.find_replayed, key)
        if made is None:
            await self._recorder.settle(name)
            made = await self._exporter.export(caller, wanted, await self._label_space(name), key)
        return convert_dataset.dataset(made)

    async def MeasureDrift(
        self, request: capture_service_pb2.MeasureDriftRequest, context: Any
    ) -> drift_pb2.DriftReport:
        """Compare the newest captured requests with the training data of the model in service."""
        wanted = convert_drift.parse_drift_request(request)
        name = wanted.deployment
        await self._readable(name)
        await self._recorder.settle(name)
        measure = partial(self._drift.measure, name, max_requests=wanted.max_requests, since=wanted.since)
        return convert_drift.drift_report(await self._work.run(name.tenant, BEGIN_SECONDS, measure))

    def _submit(self, name: DeploymentName, given: convert.NewFeedback, space: LabelSpace | None) -> CapturedRequest:
        """Check, redact and store feedback, in a thread."""
        check_right_answer(given.feedback.right, space, allow_new_labels=given.allow_new_labels)
        author = current_caller().api_key
        feedback = self._redactor.feedback(given.feedback, author, space.labels if space else ())
        stored = FeedbackRepository(self._database, name.tenant, max_tenant_bytes=self._max_tenant_bytes)
        return stored.submit(name, given.request_id, feedback, self._redactor.text(given.input))

    async def _called(self, deployment: str) -> Deployment:
        """Return the deployment with a serving name or a resource name."""
        caller = current_caller()
        deployments = DeploymentRepository(self._database, caller.tenant)
        if not deployment.startswith("tenants/"):
            return await self._storage.run(
                caller.tenant, READ_SECONDS, deployments.find, deployment, field="deployment"
            )
        name = DeploymentName.parse(deployment, "deployment")
        require_own(name.tenant, deployment)
        return await self._storage.run(name.tenant, READ_SECONDS, deployments.get, name.space, name.deployment)

    async def _label_space(self, name: DeploymentName) -> LabelSpace | None:
        """Return the labels of the model in service; None if it has none, or cannot be used."""
        try:
            return (await self._models.find(name.tenant, str(name))).label_space
        except ForewordError:
            return None

    async def _require_filter(self, name: DeploymentName) -> None:
        """Raise an error if the caller cannot read a deployment.

        The number of requests that a filter meets tells what they hold.

        Raises:
            NotFoundError: The deployment does not exist in the tenant.
            PermissionDeniedError: The caller's key lacks the scope `read` and did not create the deployment.
        """
        deployments = DeploymentRepository(self._database, name.tenant)
        found = await self._storage.run(name.tenant, READ_SECONDS, deployments.get, name.space, name.deployment)
        if current_caller().reads_only_of not in (None, found.creator):
            raise PermissionDeniedError(
                "The key lacks the scope read, which a filter needs for a deployment that the key has not created. Use "
                f"a key that has it, or delete by request_ids, or all with the filter {EVERYTHING}.",
                metadata={"scope": Scope.READ.value},
            )

    async def _readable(self, name: DeploymentName) -> None:
        """Raise the error for a missing deployment unless the caller may read this one."""
        require_own(name.tenant, str(name))
        deployments = DeploymentRepository(self._database, name.tenant)
        found = await self._storage.run(name.tenant, READ_SECONDS, deployments.get, name.space, name.deployment)
        require_readable(found.creator, str(name))
