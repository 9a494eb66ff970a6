"""DatasetService: stores and checks training data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from google.protobuf import empty_pb2

from foreword.data.checker import report_error
from foreword.domain.dataset import Dataset, Row
from foreword.domain.violations import Violations
from foreword.names import DatasetName, TenantName
from foreword.server.callers.auth import current_caller, require_own, require_readable
from foreword.server.calls.pools import READ_SECONDS, ROW_SECONDS, SKIPPED_ROW_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert import dataset as convert
from foreword.server.convert.paging import page_size, parse_list_request
from foreword.server.convert.report import data_report
from foreword.server.services.idempotency import request_key
from foreword.server.services.responses import converted, fill_page
from foreword.server.uploads.budget import UploadBudget
from foreword.server.uploads.chunks import UploadChecker, read_header
from foreword.server.uploads.dataset_store import DatasetStore
from foreword.server.uploads.row_pages import read_page
from foreword.storage.artifacts.deletions import ArtifactDeletions
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.lists.page_tokens import page_tokens
from foreword.storage.lists.pages import Page, Take
from foreword.storage.repositories.dataset_rows import open_rows
from foreword.storage.repositories.datasets import DatasetRepository
from foreword.v1 import dataset_pb2, dataset_service_pb2, dataset_service_pb2_grpc

DEFAULT_ROWS_PAGE_SIZE = 100


class DatasetService(dataset_service_pb2_grpc.DatasetServiceServicer):
    """The implementation of `foreword.v1.DatasetService`."""

    def __init__(
        self,
        *,
        database: Database,
        artifacts: ArtifactStore,
        deletions: ArtifactDeletions,
        checker: UploadChecker,
        store: DatasetStore,
        budget: UploadBudget,
        pools: Pools,
    ) -> None:
        self._storage, self._files = pools.storage, pools.files
        self._database = database
        self._artifacts = artifacts
        self._deletions = deletions
        self._store = store
        self._checker = checker
        self._budget = budget

    async def UploadDataset(
        self, request_iterator: AsyncIterator[dataset_service_pb2.UploadDatasetRequest], context: Any
    ) -> dataset_service_pb2.UploadDatasetResponse:
        """Check a file as it arrives, and store it if no row is faulty."""
        message = await read_header(request_iterator)
        header = convert.parse_header(message, named=True)
        request_key("UploadDataset", message, field="header.request_id")  # report its faults before the upload
        caller = current_caller()
        require_own(header.tenant or caller.tenant, message.parent)
        with self._budget.open(caller.tenant) as hold:
            async with self._checker.check(caller.tenant, header, request_iterator, hold) as checked:
                if checked.report.errors:
                    raise report_error(checked.report)
                stored, is_new = await self._files.run(
                    caller.tenant,
                    WRITE_SECONDS,
                    partial(
                        self._store.store,
                        caller,
                        checked,
                        display_name=header.display_name,
                        description=header.description,
                        request=request_key("UploadDataset", message, checked.stored_sha256),
                        reuse_identical=header.reuse_identical,
                        unlabelled=header.unlabelled,
                    ),
                )
        reused = header.reuse_identical and not is_new
        return dataset_service_pb2.UploadDatasetResponse(dataset=convert.dataset(stored), reused=reused)

    async def CheckDataset(
        self, request_iterator: AsyncIterator[dataset_service_pb2.CheckDatasetRequest], context: Any
    ) -> dataset_service_pb2.CheckDatasetResponse:
        """Check a file like UploadDataset, but store nothing."""
        message = await read_header(request_iterator)
        header = convert.parse_header(message, named=False)
        require_own(header.tenant or current_caller().tenant, message.parent)
        with self._budget.open(current_caller().tenant) as hold:
            async with self._checker.check(current_caller().tenant, header, request_iterator, hold) as checked:
                report = checked.report
        return dataset_service_pb2.CheckDatasetResponse(report=data_report(report))

    async def GetDataset(self, request: dataset_service_pb2.GetDatasetRequest, context: Any) -> dataset_pb2.Dataset:
        """Return a dataset with its report."""
        name = DatasetName.parse(request.name)
        require_own(name.tenant, request.name)
        repository = DatasetRepository(self._database, name.tenant)
        found, message = await converted(self._storage, lambda: repository.get(name.dataset), convert.dataset)
        require_readable(found.creator, request.name)
        return message

    async def ListDatasets(
        self, request: dataset_service_pb2.ListDatasetsRequest, context: Any
    ) -> dataset_service_pb2.ListDatasetsResponse:
        """List datasets, newest first, without their reports."""
        caller = current_caller()
        if request.parent:
            require_own(TenantName.parse(request.parent, "parent").tenant, request.parent)
        listed = parse_list_request(request, creator=caller.reads_only_of)
        repository = DatasetRepository(self._database, caller.tenant)
        return await fill_page(
            self._storage,
            dataset_service_pb2.ListDatasetsResponse(),
            "datasets",
            lambda take: repository.list(listed, take=take),
            convert.dataset,
        )

    async def ListDatasetRows(
        self, request: dataset_service_pb2.ListDatasetRowsRequest, context: Any
    ) -> dataset_service_pb2.ListDatasetRowsResponse:
        """List the rows of a dataset in order."""
        size = page_size(request) or DEFAULT_ROWS_PAGE_SIZE
        violations = Violations()
        after_row = int(violations.number("after_row", request.after_row, minimum=0))
        if after_row and request.page_token:
            violations.add("after_row", "must be unset with page_token, which continues where the page ended")
        violations.check()
        dataset = await self._get(request.name)
        skipped = min(after_row, dataset.row_count)
        return await fill_page(
            self._files,
            dataset_service_pb2.ListDatasetRowsResponse(),
            "rows",
            lambda take: self._read_rows(dataset, size, request.page_token, after_row, take),
            convert.dataset_row,
            cost=READ_SECONDS + size * ROW_SECONDS + skipped * SKIPPED_ROW_SECONDS,
        )

    async def DeleteDataset(self, request: dataset_service_pb2.DeleteDatasetRequest, context: Any) -> empty_pb2.Empty:
        """Delete a dataset and its rows."""
        name = DatasetName.parse(request.name)
        require_own(name.tenant, request.name)
        artifact = await self._storage.run(
            name.tenant, WRITE_SECONDS, DatasetRepository(self._database, name.tenant).delete, name.dataset
        )
        if artifact is not None:
            await self._files.run(name.tenant, WRITE_SECONDS, self._deletions.delete, artifact)
        return empty_pb2.Empty()

    async def _get(self, text: str) -> Dataset:
        name = DatasetName.parse(text)
        require_own(name.tenant, text)
        found = await self._storage.run(
            name.tenant, READ_SECONDS, DatasetRepository(self._database, name.tenant).get, name.dataset
        )
        require_readable(found.creator, text)
        return found

    def _read_rows(self, dataset: Dataset, size: int, page_token: str, after_row: int, take: Take[Row]) -> Page[Row]:
        tokens = page_tokens(self._database)
        with open_rows(self._artifacts, dataset) as file:
            return read_page(file, dataset, size, page_token, tokens, take, after_row=after_row)
