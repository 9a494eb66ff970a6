# Generated from `_async/captures.py` by `unasync.py`. Change that file, then run: make client

"""Captured requests of deployments."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from foreword.client import capture_resources as resources
from foreword.client._sync.service import ServiceMethods
from foreword.client.capture_messages import decode_captured_request
from foreword.client.message import build
from foreword.client.reference import Reference
from foreword.v1 import capture_service_pb2 as messages
from foreword.v1 import capture_service_pb2_grpc

_DEPLOYMENTS = "spaces/default/deployments"


class CaptureMethods(ServiceMethods):
    """Methods of `CaptureService`. `update_deployment` sets which requests are captured."""

    @cached_property
    def _captures(self) -> Any:
        return self._connection.stub(capture_service_pb2_grpc.CaptureServiceStub)

    def list_captured_requests(
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
        return self._pages(
            self._captures.ListCapturedRequests,
            build(messages.ListCapturedRequestsRequest, filter=filter, order_by=order_by),
            lambda page: page.captured_requests,
            decode_captured_request,
            limit,
            {"name": (deployment, _DEPLOYMENTS)},
        )

    def delete_captured_requests(
        self, deployment: Reference, *, request_ids: Sequence[str] = (), filter: str = ""
    ) -> int:
        """Delete captured requests of a deployment, and return their number. Ids that are not captured are ignored.

        Args:
            request_ids: Ids of the requests; at most 1,000.
            filter: Instead of ids, the condition that the requests must meet, or `*` for all of them.

        Raises:
            NotFoundError: The deployment does not exist in the caller's tenant.
            InvalidArgumentError: There are neither ids nor a filter, or both, or the filter is invalid.
        """
        request = build(messages.DeleteCapturedRequestsRequest, request_ids=request_ids, filter=filter)
        answer = self._call(self._captures.DeleteCapturedRequests, request, {"name": (deployment, _DEPLOYMENTS)})
        return int(answer.deleted_count)
