"""SavedPromptService: prompts that the keys of a tenant share, in versions."""

from __future__ import annotations

from typing import Any

from google.protobuf import empty_pb2

from foreword.errors import NotFoundError
from foreword.names import SavedPromptName, TenantName
from foreword.server.callers.auth import current_caller, require_own
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert import saved_prompt as convert
from foreword.server.convert.paging import parse_list_request
from foreword.server.services.idempotency import request_key
from foreword.server.services.parsing import parsed
from foreword.server.services.responses import converted, fill_page
from foreword.storage.database import Database
from foreword.storage.repositories.saved_prompts import SavedPromptRepository
from foreword.v1 import saved_prompt_pb2, saved_prompt_service_pb2, saved_prompt_service_pb2_grpc


class SavedPromptService(saved_prompt_service_pb2_grpc.SavedPromptServiceServicer):
    """The implementation of `foreword.v1.SavedPromptService`."""

    def __init__(self, *, database: Database, pools: Pools) -> None:
        self._database = database
        self._storage = pools.storage
        self._parsing = pools.parsing

    async def CreateSavedPrompt(
        self, request: saved_prompt_service_pb2.CreateSavedPromptRequest, context: Any
    ) -> saved_prompt_pb2.SavedPrompt:
        """Save a prompt as version 1 under a new name."""
        caller = current_caller()
        new = await parsed(self._parsing, convert.parse_new_saved_prompt, request)
        key = request_key("CreateSavedPrompt", request)
        require_own(new.tenant or caller.tenant, request.parent)
        prompts = SavedPromptRepository(self._database, caller.tenant)
        _, message = await converted(
            self._storage,
            lambda: prompts.create(
                new.version,
                id=new.id,
                display_name=new.display_name,
                description=new.description,
                tags=new.tags,
                creator=caller.api_key,
                request=key,
            ),
            convert.saved_prompt,
            cost=WRITE_SECONDS,
        )
        return message

    async def GetSavedPrompt(
        self, request: saved_prompt_service_pb2.GetSavedPromptRequest, context: Any
    ) -> saved_prompt_pb2.SavedPrompt:
        """Return a saved prompt with its newest version, or with a given one."""
        name = self._name(request.name)
        number = convert.parse_version_number(request.version)
        prompts = SavedPromptRepository(self._database, name.tenant)
        found, message = await converted(
            self._storage, lambda: prompts.get(name.saved_prompt, number), convert.saved_prompt
        )
        _require_readable(found.creator, request.name)
        return message

    async def ListSavedPrompts(
        self, request: saved_prompt_service_pb2.ListSavedPromptsRequest, context: Any
    ) -> saved_prompt_service_pb2.ListSavedPromptsResponse:
        """List saved prompts with their newest version, by default newest first."""
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request, creator=caller.prompts_only_of)
        prompts = SavedPromptRepository(self._database, caller.tenant)
        return await fill_page(
            self._storage,
            saved_prompt_service_pb2.ListSavedPromptsResponse(),
            "saved_prompts",
            lambda take: prompts.list(listed, take=take),
            convert.saved_prompt,
        )

    async def UpdateSavedPrompt(
        self, request: saved_prompt_service_pb2.UpdateSavedPromptRequest, context: Any
    ) -> saved_prompt_pb2.SavedPrompt:
        """Change a saved prompt, and add a version to it."""
        change = await parsed(self._parsing, convert.parse_saved_prompt_change, request)
        key = request_key("UpdateSavedPrompt", request)
        require_own(change.name.tenant, str(change.name))
        prompts, creator = SavedPromptRepository(self._database, change.name.tenant), current_caller().api_key
        _, message = await converted(
            self._storage,
            lambda: prompts.update(
                change.name.saved_prompt,
                etag=change.etag,
                display_name=change.display_name,
                description=change.description,
                tags=change.tags,
                version=change.version,
                creator=creator,
                request=key,
            ),
            convert.saved_prompt,
            cost=WRITE_SECONDS,
        )
        return message

    async def DeleteSavedPrompt(
        self, request: saved_prompt_service_pb2.DeleteSavedPromptRequest, context: Any
    ) -> empty_pb2.Empty:
        """Delete a saved prompt with all its versions."""
        name = self._name(request.name)
        prompts = SavedPromptRepository(self._database, name.tenant)
        await self._storage.run(name.tenant, WRITE_SECONDS, prompts.delete, name.saved_prompt)
        return empty_pb2.Empty()

    async def ListSavedPromptVersions(
        self, request: saved_prompt_service_pb2.ListSavedPromptVersionsRequest, context: Any
    ) -> saved_prompt_service_pb2.ListSavedPromptVersionsResponse:
        """List the versions of a saved prompt, by default newest first."""
        name = SavedPromptName.parse(request.parent, "parent")
        require_own(name.tenant, request.parent)
        listed = parse_list_request(request)
        prompts = SavedPromptRepository(self._database, name.tenant)
        found = await self._storage.run(name.tenant, READ_SECONDS, prompts.creator_of, name.saved_prompt)
        _require_readable(found, request.parent)
        return await fill_page(
            self._storage,
            saved_prompt_service_pb2.ListSavedPromptVersionsResponse(),
            "versions",
            lambda take: prompts.list_versions(name.saved_prompt, listed, take=take),
            convert.version,
        )

    def _name(self, text: str) -> SavedPromptName:
        name = SavedPromptName.parse(text)
        require_own(name.tenant, text)
        return name


def _require_readable(creator: str, resource: str) -> None:
    """Raise NotFoundError if the caller's key may read only saved prompts that it has created, and this is none."""
    if current_caller().prompts_only_of not in (None, creator):
        raise NotFoundError.of(resource)
