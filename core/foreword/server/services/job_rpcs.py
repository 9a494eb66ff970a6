"""The RPCs that are alike for all resources with a job; each service has them under its own names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, ClassVar, Generic

from google.protobuf import empty_pb2

from foreword.server.services.job_calls import Item, JobCalls, Message, Name


class JobRpcs(Generic[Item, Name, Message]):
    """The base of a service of resources with a job.

        class BatchJobService(JobRpcs[BatchJob, BatchJobName, batch_job_pb2.BatchJob], BatchJobServiceServicer):
            GetBatchJob = JobRpcs.get_job

    Attributes:
        item_field: The field of a resource in the response of a watch; with `s`, that of the resources in a list.
        list_response: The response of a list.
        watch_response: The response of a watch.
    """

    item_field: ClassVar[str]
    list_response: ClassVar[Any]
    watch_response: ClassVar[Any]
    _jobs: JobCalls[Item, Name, Message]

    async def get_job(self, request: Any, context: Any) -> Message:
        """Return a resource with its results."""
        return await self._jobs.get(request.name)

    async def list_jobs(self, request: Any, context: Any) -> Any:
        """List resources, newest first, without their results."""
        return await self._jobs.list(request, self.list_response(), f"{self.item_field}s")

    async def watch_job(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Stream a resource each time it changes, until its job has ended."""
        async with aclosing(self._jobs.watch(request.name, self._after_sequence(request))) as messages:
            async for message in messages:
                yield self.watch_response(**{self.item_field: message})

    async def cancel_job(self, request: Any, context: Any) -> Message:
        """Request the cancellation of a job."""
        return await self._jobs.cancel(request.name)

    async def delete_job(self, request: Any, context: Any) -> empty_pb2.Empty:
        """Delete a resource whose job has ended, with its files."""
        return await self._jobs.delete(request.name)

    def _after_sequence(self, request: Any) -> int:
        """Return the sequence number of the last snapshot that the caller of a watch has."""
        return 0
