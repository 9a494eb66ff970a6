"""TunedModelService: lists, tags, exports and deletes tuned models."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf import empty_pb2

from foreword.domain.tuned_model import CONFIG_FILE, TENSORS_FILE, TunedModel
from foreword.errors import ArtifactError
from foreword.names import TenantName, TunedModelName
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import WRITE_SECONDS, Pools
from foreword.server.convert import tuned_model as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.inference.model_resolver import ModelResolver
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import converted, fill_page
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.repositories.tuned_models import TunedModelRepository
from foreword.v1 import tuned_model_pb2, tuned_model_service_pb2, tuned_model_service_pb2_grpc

_CHUNK_BYTES = 512 * 2**10


class TunedModelService(tuned_model_service_pb2_grpc.TunedModelServiceServicer):
    """The implementation of `foreword.v1.TunedModelService`."""

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        deletions: ArtifactDeletions,
        models: ModelResolver,
        pools: Pools,
    ) -> None:
        self._storage, self._files = pools.storage, pools.files
        self._database = database
        self._artifacts = artifacts
        self._deletions = deletions
        self._models = models

    async def GetTunedModel(
        self, request: tuned_model_service_pb2.GetTunedModelRequest, context: Any
    ) -> tuned_model_pb2.TunedModel:
        """Return a tuned model."""
        return (await self._get(request.name))[1]

    async def ListTunedModels(
        self, request: tuned_model_service_pb2.ListTunedModelsRequest, context: Any
    ) -> tuned_model_service_pb2.ListTunedModelsResponse:
        """List tuned models, newest first, without evaluations."""
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request, creator=caller.reads_only_of)
        repository = self._repository(caller.tenant)
        return await fill_page(
            self._storage,
            tuned_model_service_pb2.ListTunedModelsResponse(),
            "tuned_models",
            lambda take: repository.list(listed, take=take),
            convert.tuned_model,
        )

    async def UpdateTunedModel(
        self, request: tuned_model_service_pb2.UpdateTunedModelRequest, context: Any
    ) -> tuned_model_pb2.TunedModel:
        """Change the tags of a tuned model."""
        change = convert.parse_tuned_model_change(request)
        key = request_key("UpdateTunedModel", request)
        require_own(change.name.tenant, str(change.name))
        repository = self._repository(change.name.tenant)
        _, message = await converted(
            self._storage,
            lambda: repository.update(change.name.tuned_model, tags=change.tags, request=key),
            convert.tuned_model,
            cost=WRITE_SECONDS,
        )
        return message

    async def ExportTunedModel(
        self, request: tuned_model_service_pb2.ExportTunedModelRequest, context: Any
    ) -> AsyncIterator[tuned_model_service_pb2.ExportTunedModelResponse]:
        """Stream the files of the PEFT adapter."""
        model, _ = await self._get(request.name)
        files = await self._files.run(model.tenant, WRITE_SECONDS, self._read, model)
        for path, content in files.items():
            for start in range(0, len(content), _CHUNK_BYTES):
                yield tuned_model_service_pb2.ExportTunedModelResponse(
                    path=path, chunk=content[start : start + _CHUNK_BYTES]
                )

    async def DeleteTunedModel(
        self, request: tuned_model_service_pb2.DeleteTunedModelRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete a tuned model and its artifact."""
        name = self._name(request.name)
        artifact = await self._storage.run(
            name.tenant, WRITE_SECONDS, self._repository(name.tenant).delete, name.tuned_model
        )
        self._models.forget()
        await self._files.run(name.tenant, WRITE_SECONDS, self._deletions.delete, artifact)
        return empty_pb2.Empty()

    async def _get(self, text: str) -> tuple[TunedModel, tuned_model_pb2.TunedModel]:
        """Return a tuned model that the caller may read, and its message."""
        name = self._name(text)
        repository = self._repository(name.tenant)
        found, message = await converted(self._storage, lambda: repository.get(name.tuned_model), convert.tuned_model)
        require_readable(found.creator, text)
        return found, message

    def _name(self, text: str) -> TunedModelName:
        name = TunedModelName.parse(text)
        require_own(name.tenant, text)
        return name

    def _repository(self, tenant: str) -> TunedModelRepository:
        return TunedModelRepository(self._database, tenant)

    def _read(self, model: TunedModel) -> dict[str, bytes]:
        """Return the files of an adapter, which are small.

        Raises:
            ArtifactError: A file is missing or was changed.
        """
        hashes = {CONFIG_FILE: model.provenance.get("adapter_config"), TENSORS_FILE: model.content_sha256}
        files = {path: self._artifacts.read(model.artifact, path) for path in hashes}
        for path, recorded in hashes.items():
            if recorded is not None and hashlib.sha256(files[path]).hexdigest() != recorded:
                name = TunedModelName(model.tenant, model.id)
                raise ArtifactError(
                    f"The stored {path} of {name} was changed after tuning. Restore it from a backup, or tune again.",
                    metadata={"resource": str(name)},
                )
        return files
