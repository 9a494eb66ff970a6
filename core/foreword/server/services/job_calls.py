"""What the services of resources with a job have in common: these are found, listed, watched, cancelled and deleted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf import empty_pb2

from foreword.domain.batch_job import BatchJob
from foreword.domain.evaluation import Evaluation
from foreword.domain.experiment import TuneExperiment
from foreword.names import BatchJobName, EvaluationName, TenantName, TuneExperimentName
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert.paging import parse_list_request
from foreword.server.jobs.watches import Watches
from foreword.server.services.responses import converted, fill_page
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.lists.pages import Page, Take
from foreword.storage.lists.request import ListRequest
from foreword.storage.repositories.requests import RequestKey

Item = TypeVar("Item", bound=TuneExperiment | Evaluation | BatchJob)
Name = TypeVar("Name", bound=TuneExperimentName | EvaluationName | BatchJobName)
Message = TypeVar("Message")
Response = TypeVar("Response")


class JobRepository(Protocol[Item]):
    """The resources of one kind of one tenant; see `JobResources`."""

    def find_replayed(self, request: RequestKey | None) -> Item | None:
        """Return the resource that an earlier request with the same id created."""

    def list(self, request: ListRequest, *, take: Take[Item]) -> Page[Item]:
        """List the resources."""
        ...

    def request_cancel(self, id: str) -> Item:
        """Request the cancellation of a job."""
        ...

    def delete(self, id: str) -> tuple[str, ...]:
        """Delete a resource, and return the prefixes of its files."""
        ...


class JobCalls(Generic[Item, Name, Message]):
    """The calls that are alike for all resources with a job. The caller is that of the current RPC.

    Args:
        name: Parses a resource name.
        repository: Returns the resources of a tenant.
        get: Reads a resource with its results.
        find: Reads it without them, for what reads its files. Default: `get`.
        convert: Converts a resource to a message.
        heartbeat_seconds: Maximum time during which a watch sends nothing.
    """

    def __init__(
        self,
        *,
        name: Callable[[str], Name],
        repository: Callable[[str], JobRepository[Item]],
        get: Callable[[Name], Item],
        find: Callable[[Name], Item] | None = None,
        convert: Callable[[Item], Message],
        deletions: ArtifactDeletions,
        pools: Pools,
        watches: Watches,
        heartbeat_seconds: float,
    ) -> None:
        self._parse = name
        self._repository = repository
        self._get = get
        self._find = find or get
        self._convert = convert
        self._deletions = deletions
        self._pools = pools
        self._watches = watches
        self._heartbeat_seconds = heartbeat_seconds

    async def replayed(self, key: RequestKey | None) -> Message | None:
        """Return what an earlier request with the same id created; None if the request is new."""
        tenant = current_caller().tenant
        made = await self._pools.storage.run(tenant, READ_SECONDS, self._repository(tenant).find_replayed, key)
        return None if made is None else self._convert(made)

    async def get(self, text: str) -> Message:
        """Return a resource with its results."""
        name = self._name(text)
        found, message = await converted(self._pools.storage, lambda: self._get(name), self._convert)
        require_readable(found.creator, text)
        return message

    async def find(self, text: str) -> Item:
        """Return a resource, for what reads its files."""
        name = self._name(text)
        found = await self._pools.storage.run(name.tenant, READ_SECONDS, self._find, name)
        require_readable(found.creator, text)
        return found

    async def list(self, request: Any, response: Response, field: str) -> Response:
        """Fill the response of a list with a page of resources.

        Args:
            field: Its repeated field.
        """
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request, creator=caller.reads_only_of)
        repository = self._repository(caller.tenant)
        return await fill_page(
            self._pools.storage, response, field, lambda take: repository.list(listed, take=take), self._convert
        )

    async def watch(self, text: str, after_sequence: int = 0) -> AsyncGenerator[Message]:
        """Yield a resource each time it changes, until its job has ended."""
        name: Any = self._name(text)
        with self._watches.open(name, after_sequence) as watch:
            async for seen in watch.updates(self._heartbeat_seconds):
                require_readable(seen.creator, text)
                yield await self._pools.storage.run(name.tenant, READ_SECONDS, self._convert, seen)
                if seen.state.ended:
                    return

    async def cancel(self, text: str) -> Message:
        """Request the cancellation of a job."""
        name = self._name(text)
        repository = self._repository(name.tenant)
        _, message = await converted(
            self._pools.storage, lambda: repository.request_cancel(name.id), self._convert, cost=WRITE_SECONDS
        )
        return message

    async def delete(self, text: str) -> empty_pb2.Empty:
        """Delete a resource whose job has ended, with its files."""
        name = self._name(text)
        repository = self._repository(name.tenant)
        for files in await self._pools.storage.run(name.tenant, WRITE_SECONDS, repository.delete, name.id):
            await self._pools.files.run(name.tenant, WRITE_SECONDS, self._deletions.delete, files)
        return empty_pb2.Empty()

    def _name(self, text: str) -> Name:
        name = self._parse(text)
        require_own(name.tenant, text)
        return name
