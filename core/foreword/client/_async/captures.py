"""Captured requests of deployments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from foreword.client import capture_resources as resources
from foreword.client import decode
from foreword.client._async.service import ServiceMethods
from foreword.client.capture_messages import decode_captured_request, decode_feedback
from foreword.client.drift_messages import decode_drift
from foreword.client.message import build
from foreword.client.reference import Reference, new_request_id, reference_name
from foreword.client.resources import ClassifyResult, Dataset, GenerateResult
from foreword.domain.drift import DriftReport
from foreword.errors import InvalidArgumentError
from foreword.v1 import capture_pb2, capture_service_pb2_grpc
from foreword.v1 import capture_service_pb2 as messages

_DEPLOYMENTS = "spaces/default/deployments"


class CaptureMethods(ServiceMethods):
    """Methods of `CaptureService`. `update_deployment` sets which requests are captured."""

    @cached_property
    def _captures(self) -> Any:
        return self._connection.stub(capture_service_pb2_grpc.CaptureServiceStub)

    async def list_captured_requests(
        self,
        deployment: Reference,
        *,
        filter: str = "",
        order_by: str = "",
        limit: int | None = None,
    ) -> list[resources.CapturedRequest]:
        """Return the captured requests of a deployment, by default newest first.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `probability < 0.5`; the comment of
                `ListCapturedRequestsRequest` in the API lists the fields. Default: none.
            order_by: `create_time`, or `create_time desc`. Default: newest first.
            limit: Maximum number to return. Default: all.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
            InvalidArgumentError: The filter or the order is invalid.
        """
        return await self._pages(
            self._captures.ListCapturedRequests,
            build(messages.ListCapturedRequestsRequest, filter=filter, order_by=order_by),
            lambda page: page.captured_requests,
            decode_captured_request,
            limit,
            {"name": (deployment, _DEPLOYMENTS)},
        )

    async def delete_captured_requests(
        self, deployment: Reference, *, request_ids: Sequence[str] = (), filter: str = ""
    ) -> resources.CaptureDeletion:
        """Delete captured requests of a deployment, with their feedback. Ids that are not captured are ignored.

        Args:
            request_ids: Ids of the requests; at most 1,000.
            filter: Instead of ids, the condition that the requests must meet, or `*` for all of them.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
            InvalidArgumentError: There are neither ids nor a filter, or both, or the filter is invalid.
        """
        request = build(messages.DeleteCapturedRequestsRequest, request_ids=request_ids, filter=filter)
        answer = await self._call(self._captures.DeleteCapturedRequests, request, {"name": (deployment, _DEPLOYMENTS)})
        return resources.CaptureDeletion(deleted_count=answer.deleted_count, datasets=tuple(answer.datasets))

    async def submit_feedback(
        self,
        deployment: Reference,
        request: str | ClassifyResult | GenerateResult,
        *,
        labels: Sequence[str] | None = None,
        output: str | None = None,
        score: float | None = None,
        comment: str = "",
        input: str = "",
        allow_new_labels: bool = False,
    ) -> resources.Feedback:
        """Say what was right about an answer. There is one feedback for each request; the last one counts.

            answer = client.classify("complaints", "Where are my extra sheets?")
            client.submit_feedback("complaints", answer, labels=["Warehouse", "Packaging"])

        Args:
            deployment: The deployment that was asked, or its serving name or resource name.
            request: The answer, or the id of its request.
            labels: The right labels; empty if none is right.
            output: The right text, for an answer that is any text.
            score: How good the answer is, in your own measure. Range [0, 1].
            comment: Free text.
            input: The prompt of the request; needed if the request was not captured.
            allow_new_labels: Whether labels that the model does not have are accepted.

        Raises:
            NotFoundError: The deployment does not exist, or the request was not captured and there is no input.
            InvalidArgumentError: Nothing is said, a label is not one of the model, or a value is out of range.
            FailedPreconditionError: The request was not captured, and there is no room for it.
        """
        if labels is not None and output is not None:
            raise InvalidArgumentError.of("output", "cannot be given with labels; give one right answer")
        feedback = build(
            capture_pb2.Feedback,
            "feedback",
            request_id=request if isinstance(request, str) else request.request_id,
            input=input,
            right_labels=None if labels is None else build(capture_pb2.RightLabels, "feedback", labels=labels),
            right_output=output,
            comment=comment,
            score=score,
        )
        message = build(
            messages.SubmitFeedbackRequest,
            deployment=reference_name(deployment, "deployments"),
            feedback=feedback,
            allow_new_labels=allow_new_labels,
        )
        return decode_feedback(await self._call(self._captures.SubmitFeedback, message, {}))

    async def export_captured_requests(
        self,
        deployment: Reference,
        *,
        display_name: str,
        description: str = "",
        filter: str = "",
        unlabelled: bool = False,
    ) -> Dataset:
        """Make a dataset of captured requests: by default, of those whose right answer is known.

        Of requests with the same input, the newest counts.

        Args:
            filter: Condition that the requests must meet; see `list_captured_requests`. Default: none.
            unlabelled: Whether to export all inputs without answers, for a batch job.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
            FailedPreconditionError: No request suits.
            InvalidArgumentError: The filter is invalid.
        """
        request = build(
            messages.ExportCapturedRequestsRequest,
            display_name=display_name,
            description=description,
            filter=filter,
            unlabelled=unlabelled,
            request_id=new_request_id(),
        )
        answer = await self._call(self._captures.ExportCapturedRequests, request, {"name": (deployment, _DEPLOYMENTS)})
        return decode.dataset(answer)

    async def measure_drift(
        self, deployment: Reference, *, max_requests: int = 0, since: datetime | None = None
    ) -> DriftReport:
        """Compare the newest captured requests of a deployment with the training data of the model in service.

        Args:
            max_requests: Number of requests, at most. Range [100, 2000]. Default: 1,000.
            since: Time before which requests do not count. Default: all count.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
            FailedPreconditionError: The model is a base model, or was deleted.
            InvalidArgumentError: A value is out of range.
        """
        request = build(messages.MeasureDriftRequest, max_requests=max_requests, since=since)
        answer = await self._call(self._captures.MeasureDrift, request, {"name": (deployment, _DEPLOYMENTS)})
        return decode_drift(answer)
