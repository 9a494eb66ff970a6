"""Uploads in chunks. Each chunk is checked in a thread before the next one is received."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from foreword.data.checker import CheckedData, DatasetChecker
from foreword.data.start import start_checker
from foreword.domain.violations import fields_below
from foreword.errors import InvalidArgumentError
from foreword.plugin.manager import PluginManager
from foreword.server.calls.pools import BEGIN_SECONDS
from foreword.server.convert.dataset import Header
from foreword.server.plans.token_counts import TokenCounters
from foreword.turns.turn_pool import TurnPool
from foreword.v1 import dataset_service_pb2

MAX_CHUNK_BYTES = 2**20

UploadMessage = dataset_service_pb2.UploadDatasetRequest | dataset_service_pb2.CheckDatasetRequest


async def read_header(messages: AsyncIterator[UploadMessage]) -> dataset_service_pb2.DatasetHeader:
    """Return the header, which is the first message of a stream.

    Raises:
        InvalidArgumentError: There is no message, or the first one is not a header.
    """
    first = await anext(messages, None)
    if first is None or first.WhichOneof("content") != "header":
        raise InvalidArgumentError.of("header", "must be sent in the first message, before the chunks of the file")
    return first.header


class UploadChecker:
    """A checker of uploads.

    Args:
        max_bytes: Maximum size of a file in bytes.
        folder: Folder for the rows of running uploads, which may be as large.
    """

    def __init__(
        self, *, plugins: PluginManager, tokens: TokenCounters, work: TurnPool, max_bytes: int, folder: Path
    ) -> None:
        self._work = work
        self._plugins = plugins
        self._tokens = tokens
        self._max_bytes = max_bytes
        self._folder = folder

    @asynccontextmanager
    async def check(
        self, tenant: str, header: Header, messages: AsyncIterator[UploadMessage], hold: Callable[[int], None]
    ) -> AsyncIterator[CheckedData]:
        """Read and check a whole file, and keep its rows on disk for the duration of the block.

        Args:
            tenant: Id of the caller's tenant.
            hold: Called with the received size before a chunk is processed; see `UploadBudget`.

        Raises:
            ExhaustedError: Too many bytes are being uploaded at once.
            UnavailableError: The disk is full.
            InvalidArgumentError: The header names something that is not installed, the messages are out of order, or
                the file is too large or differs from the announced size. Faulty rows are part of the result.
        """
        checker = await self._work.run(tenant, BEGIN_SECONDS, self._start, header)
        try:
            await self._receive(tenant, checker, messages, hold)
            with fields_below("header"):
                checked = await self._work.run(tenant, BEGIN_SECONDS, checker.finish)
            yield checked
        finally:
            checker.close()

    @asynccontextmanager
    async def check_rows(
        self, tenant: str, header: Header, feed: Callable[[DatasetChecker], None]
    ) -> AsyncIterator[CheckedData]:
        """Check rows that this server has, and keep them on disk for the duration of the block.

        Args:
            feed: Feeds the checker with the rows, in a thread. It should call `give_way` for each of them.

        Raises:
            UnavailableError: The disk is full.
            InvalidArgumentError: The rows are too large or too many. Faulty rows are part of the result.
        """
        checker = await self._work.run(tenant, BEGIN_SECONDS, self._start, header)
        try:
            await self._work.run(tenant, BEGIN_SECONDS, feed, checker)
            yield await self._work.run(tenant, BEGIN_SECONDS, checker.finish)
        finally:
            checker.close()

    async def _receive(
        self,
        tenant: str,
        checker: DatasetChecker,
        messages: AsyncIterator[UploadMessage],
        hold: Callable[[int], None],
    ) -> None:
        """Check the chunks of a file as they arrive."""
        arrived, size = 0, None
        async for message in messages:
            kind = message.WhichOneof("content")
            if size is not None or kind not in ("chunk", "end"):
                raise InvalidArgumentError.of(
                    "chunk", "must be set in every message except the first and the last; send header, chunks, end"
                )
            if kind == "end":
                size = message.end
                continue
            if len(message.chunk) > MAX_CHUNK_BYTES:
                raise InvalidArgumentError.of(
                    "chunk", f"must hold at most {MAX_CHUNK_BYTES:,} bytes; send smaller chunks"
                )
            arrived += len(message.chunk)
            hold(arrived)
            await self._work.run(tenant, BEGIN_SECONDS, checker.feed, message.chunk)
        # A cancelled stream can end here like a complete one.
        if size is None:
            raise InvalidArgumentError.of(
                "end",
                f"must be the last message, with the file's size in bytes; {arrived:,} were received. Send the whole "
                "file",
            )
        if size != arrived:
            raise InvalidArgumentError.of(
                "end", f"is {size:,} bytes, but {arrived:,} were received. Send the whole file again"
            )

    def _start(self, header: Header) -> DatasetChecker:
        """Create the checker for a header."""
        with fields_below("header"):
            return start_checker(
                self._plugins,
                task=header.task,
                options=header.task_options,
                format=header.format,
                base_model=header.base_model,
                max_input_tokens=header.max_input_tokens,
                max_bytes=self._max_bytes,
                counter=self._tokens.counter,
                folder=self._folder,
                unlabelled=header.unlabelled,
                input_column=header.input_column,
                output_column=header.output_column,
                near_duplicates=header.near_duplicates,
                refuse_long_inputs=header.refuse_long_inputs,
            )
