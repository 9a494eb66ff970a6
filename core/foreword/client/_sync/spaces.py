# Generated from `_async/spaces.py` by `unasync.py`. Change that file, then run: make client

"""Spaces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from google.protobuf import field_mask_pb2

from foreword.client import decode, resources
from foreword.client._sync.service import ServiceMethods
from foreword.client.encode_policy import set_policy
from foreword.client.message import build, enum_name
from foreword.client.policy_resources import DeployPolicy
from foreword.client.reference import Reference, new_request_id
from foreword.domain.deployment import Stage
from foreword.v1 import deployment_pb2, deployment_service_pb2_grpc
from foreword.v1 import deployment_service_pb2 as messages


class SpaceMethods(ServiceMethods):
    """Methods of `DeploymentService` about spaces."""

    @cached_property
    def _deployments(self) -> Any:
        return self._connection.stub(deployment_service_pb2_grpc.DeploymentServiceStub)

    def create_space(
        self,
        space_id: str,
        *,
        display_name: str = "",
        stage: Stage = Stage.DEVELOPMENT,
        description: str = "",
        tags: Sequence[str] = (),
        policy: DeployPolicy | None = None,
    ) -> resources.Space:
        """Create a space. Every tenant already has the space `default`.

        Args:
            policy: Condition that models must meet before they are deployed here. Required in a production space.

        Raises:
            AlreadyExistsError: The id is taken.
            InvalidArgumentError: Values are wrong, or a production space has no policy.
            NotFoundError: The dataset of the policy does not exist.
        """
        space = build(
            deployment_pb2.Space,
            "space",
            display_name=display_name,
            stage=enum_name("space.stage", Stage, stage, "STAGE"),
            description=description,
            tags=tags,
        )
        references = set_policy(space, policy)
        request = build(messages.CreateSpaceRequest, space=space, space_id=space_id, request_id=new_request_id())
        return decode.space(self._call(self._deployments.CreateSpace, request, references))

    def get_space(self, space: Reference) -> resources.Space:
        """Return a space.

        Raises:
            NotFoundError: The space does not exist in the caller's tenant.
        """
        request = messages.GetSpaceRequest()
        return decode.space(self._call(self._deployments.GetSpace, request, {"name": (space, "spaces")}))

    def list_spaces(self, *, filter: str = "", order_by: str = "", limit: int | None = None) -> list[resources.Space]:
        """Return the spaces.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `stage = PRODUCTION`; the
                comment of `ListSpacesRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: the id.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListSpacesRequest, filter=filter, order_by=order_by)
        return self._pages(self._deployments.ListSpaces, request, lambda page: page.spaces, decode.space, limit)

    def update_space(
        self,
        space: Reference,
        *,
        display_name: str | None = None,
        stage: Stage | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        policy: DeployPolicy | None = None,
        remove_policy: bool = False,
        etag: str = "",
    ) -> resources.Space:
        """Change a space.

        Args:
            policy: New condition for models. Only a key that also has the scope `admin` can change one that is set.
            remove_policy: Remove the policy. Only in a development space.
            etag: Etag of the space as it was read; the update is refused if it is outdated. Default: no check.

        Raises:
            AbortedError: The space has changed since its etag was read.
            PermissionDeniedError: The space has a policy, and the key lacks the scope `admin`.
            FailedPreconditionError: A production space would be without a policy.
            NotFoundError: The space or the dataset of the policy does not exist in the caller's tenant.
        """
        references: dict[str, tuple[Reference, str]] = {"space.name": (space, "spaces")}
        changes: dict[str, Any] = {
            "display_name": display_name,
            "stage": None if stage is None else enum_name("space.stage", Stage, stage, "STAGE"),
            "description": description,
            "tags": tags,
        }
        given = {field: value for field, value in changes.items() if value is not None}
        message = build(deployment_pb2.Space, "space", etag=etag, **given)
        references |= set_policy(message, policy)
        changed = [*given, *(["policy"] if policy is not None or remove_policy else [])]
        request = messages.UpdateSpaceRequest(
            space=message, update_mask=field_mask_pb2.FieldMask(paths=changed), request_id=new_request_id()
        )
        return decode.space(self._call(self._deployments.UpdateSpace, request, references))

    def delete_space(self, space: Reference) -> None:
        """Delete an empty space.

        Raises:
            NotFoundError: The space does not exist in the caller's tenant.
            FailedPreconditionError: The space contains deployments, or it is `default`.
        """
        references = {"name": (space, "spaces")}
        self._call(self._deployments.DeleteSpace, messages.DeleteSpaceRequest(), references, gone_is_done=True)
