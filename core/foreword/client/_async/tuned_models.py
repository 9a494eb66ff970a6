"""Tuned models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from foreword.client import decode, resources
from foreword.client._async.service import ServiceMethods
from foreword.client._async.waiting import in_thread
from foreword.client.adapter_files import check_folder, write_files
from foreword.client.message import build, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.client.tags import tag_change
from foreword.domain.resource_view import ResourceView
from foreword.v1 import tuned_model_pb2, tuned_model_service_pb2_grpc
from foreword.v1 import tuned_model_service_pb2 as messages

_EXPORT_TIMEOUT_SECONDS = 600.0


class TunedModelMethods(ServiceMethods):
    """Methods of `TunedModelService`."""

    @cached_property
    def _tuned_models(self) -> Any:
        return self._connection.stub(tuned_model_service_pb2_grpc.TunedModelServiceStub)

    async def get_tuned_model(self, tuned_model: Reference) -> resources.TunedModel:
        """Return a tuned model with its evaluations.

        Raises:
            NotFoundError: The model does not exist in the caller's tenant.
        """
        references = {"name": (tuned_model, "tunedModels")}
        return decode.tuned_model(
            await self._call(self._tuned_models.GetTunedModel, messages.GetTunedModelRequest(), references)
        )

    async def list_tuned_models(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        view: ResourceView = ResourceView.BASIC,
        limit: int | None = None,
    ) -> list[resources.TunedModel]:
        """Return the tuned models.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `task = classification`; the
                comment of `ListTunedModelsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: newest first.
            view: `basic` leaves out evaluations, `full` includes them.
            limit: Maximum number to return. Default: all.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(
            messages.ListTunedModelsRequest,
            filter=filter,
            order_by=order_by,
            view=enum_name("view", ResourceView, view, "RESOURCE_VIEW"),
        )
        return await self._pages(
            self._tuned_models.ListTunedModels, request, lambda page: page.tuned_models, decode.tuned_model, limit
        )

    async def stream_tuned_models(
        self, *, filter: str = "", order_by: str = "", page_size: int = 1000
    ) -> AsyncGenerator[resources.TunedModel]:
        """Yield what `list_tuned_models` returns, of which only a page is in memory.

        Args:
            page_size: Number of items to read at once, at most 1,000.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListTunedModelsRequest, filter=filter, order_by=order_by)
        async for message in self._messages(
            self._tuned_models.ListTunedModels, request, lambda page: page.tuned_models, page_size, {}
        ):
            yield decode.tuned_model(message)

    async def update_tuned_model(
        self, tuned_model: Reference, *, tags: Mapping[str, str | None]
    ) -> resources.TunedModel:
        """Change the tags of a tuned model.

        Args:
            tags: Tags to set, by key; the value None removes a tag. Other tags stay.

        Raises:
            InvalidArgumentError: Tags are wrong. The error names all of them.
            NotFoundError: The model does not exist in the caller's tenant.
        """
        given, changed = tag_change("tuned_model.tags", tags)
        request = messages.UpdateTunedModelRequest(
            tuned_model=tuned_model_pb2.TunedModel(tags=given),
            update_mask=FieldMask(paths=changed),
            request_id=new_request_id(),
        )
        references = {"tuned_model.name": (tuned_model, "tunedModels")}
        return decode.tuned_model(await self._call(self._tuned_models.UpdateTunedModel, request, references))

    async def export_tuned_model(self, tuned_model: Reference, folder: str | PathLike[str]) -> list[Path]:
        """Write the files of the PEFT adapter to a folder, which is created if necessary.

        Returns:
            The files written: `adapter_config.json` and `adapter_model.safetensors`.

        Raises:
            InvalidArgumentError: The folder is a file, or cannot be written to.
            NotFoundError: The model does not exist in the caller's tenant.
            ArtifactError: The stored artifact is missing or corrupt.
        """
        target = Path(folder)
        await in_thread(check_folder, target)
        files = await self._resolved({"name": (tuned_model, "tunedModels")}, self._read_files)
        # Written only once the whole answer is in memory, so that a broken stream leaves no incomplete adapter.
        return await in_thread(write_files, target, files)

    async def delete_tuned_model(self, tuned_model: Reference) -> None:
        """Delete a tuned model and its artifact.

        Raises:
            NotFoundError: The model does not exist in the caller's tenant.
            FailedPreconditionError: A deployment serves it.
        """
        references = {"name": (tuned_model, "tunedModels")}
        request = messages.DeleteTunedModelRequest()
        await self._call(self._tuned_models.DeleteTunedModel, request, references, gone_is_done=True)

    async def _read_files(self, names: Mapping[str, str]) -> dict[str, bytearray]:
        request = messages.ExportTunedModelRequest(name=names["name"])
        files: dict[str, bytearray] = {}
        async for message in self._connection.restart(
            lambda: self._connection.stream(
                self._tuned_models.ExportTunedModel, request, timeout_seconds=_EXPORT_TIMEOUT_SECONDS
            ),
            timeout_seconds=_EXPORT_TIMEOUT_SECONDS,
        ):
            files.setdefault(message.path, bytearray()).extend(message.chunk)
        return files
