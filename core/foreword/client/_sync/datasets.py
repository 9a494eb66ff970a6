# Generated from `_async/datasets.py` by `unasync.py`. Change that file, then run: make client

"""Training data."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from foreword.client import decode, decode_values, encode, resources
from foreword.client._sync.service import ServiceMethods
from foreword.client._sync.waiting import in_thread
from foreword.client.listed import Listed
from foreword.client.message import build, enum_name
from foreword.client.reference import Reference, new_request_id
from foreword.client.rows import Rows, chunks, default_name, may_be_stored
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import DataReport
from foreword.domain.resource_view import ResourceView
from foreword.errors import ForewordError, InvalidArgumentError, NotFoundError
from foreword.v1 import dataset_service_pb2 as messages
from foreword.v1 import dataset_service_pb2_grpc

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UPLOAD_TIMEOUT_SECONDS = 900.0
"""Maximum duration of an upload: 200 MB over a slow line, checked as they arrive."""


class DatasetMethods(ServiceMethods):
    """Methods of `DatasetService`."""

    @cached_property
    def _datasets(self) -> Any:
        return self._connection.stub(dataset_service_pb2_grpc.DatasetServiceStub)

    def upload_dataset(
        self,
        rows: Rows,
        *,
        display_name: str = "",
        description: str = "",
        format: str = "",
        task: str = "",
        task_options: TaskOptions | None = None,
        base_model: str = "",
        max_input_tokens: int = 0,
        reuse_identical: bool = False,
        unlabelled: bool = False,
        near_duplicates: bool | None = None,
        refuse_long_inputs: bool = False,
        input_column: str = "",
        output_column: str = "",
        request_id: str = "",
        timeout_seconds: float = UPLOAD_TIMEOUT_SECONDS,
    ) -> resources.Dataset:
        """Check and store training data, or unlabelled rows; rows have the columns `input` and `output`.

        Args:
            rows: Path of a JSONL, JSON or CSV file, its bytes, a pandas DataFrame with the columns `input` and
                `output`, or an iterable of mappings or of pairs of input and output. Data from a pipe, such as
                `/dev/stdin`, is kept in memory during the upload, so that it can be repeated.
            display_name: Human-readable name; another upload with this name creates its next version. Default: the
                name of the file.
            format: `jsonl`, `json` or `csv`. Default: detected.
            task: Task whose checks also run. Default: the one that suits the rows.
            base_model: Base model whose tokenizer measures lengths. Default: none; lengths are in characters.
            max_input_tokens: Maximum length of an input, used with `base_model`; 0 means the model's context.
            reuse_identical: If a dataset with this display name and these rows is stored, return the newest one instead
                of storing them again. Its attribute `reused` is then true.
            unlabelled: The rows have no outputs and are to be answered by a batch job; only the column `input` is
                read, and rows may be plain texts.
            near_duplicates: Whether to look for nearly equal inputs. Default: in files of up to 100,000 rows and 20
                million characters.
            refuse_long_inputs: Treat inputs longer than `max_input_tokens` as faults, instead of letting tuning
                truncate them.
            input_column: Name of the column with the inputs in a file. Default: `input`, or a usual name.
            output_column: Name of the column with the outputs in a file. Default: `output`, or a usual name.
            request_id: Makes a second call with the same id and content return the first one's dataset, for a day. At
                most 64 characters. Default: a new id.

        Warns:
            RowsLeftOutWarning: Tasks of Label Studio without an annotation, or with different ones, are left out.

        Raises:
            InvalidRowsError: Rows are faulty. The error names all of them.
            InvalidArgumentError: The file cannot be read, or an argument is wrong.
        """
        header = build(
            messages.DatasetHeader,
            "header",
            display_name=display_name or default_name(rows),
            description=description,
            format=format,
            task=task,
            task_options=encode.task_options(task_options or TaskOptions()),
            base_model=base_model,
            max_input_tokens=max_input_tokens,
            unlabelled=unlabelled,
            near_duplicates=near_duplicates,
            refuse_long_inputs=refuse_long_inputs,
            input_column=input_column,
            output_column=output_column,
            request_id=request_id or new_request_id(),
            reuse_identical=reuse_identical,
        )
        requests = _requests(messages.UploadDatasetRequest, header, rows)
        answer = self._connection.unary(
            self._datasets.UploadDataset, requests, safe=True, timeout_seconds=timeout_seconds
        )
        return replace(decode.dataset(answer.dataset), reused=answer.reused)

    def check_dataset(
        self,
        rows: Rows,
        *,
        format: str = "",
        task: str = "",
        task_options: TaskOptions | None = None,
        base_model: str = "",
        max_input_tokens: int = 0,
        unlabelled: bool = False,
        near_duplicates: bool | None = None,
        refuse_long_inputs: bool = False,
        input_column: str = "",
        output_column: str = "",
        timeout_seconds: float = UPLOAD_TIMEOUT_SECONDS,
    ) -> DataReport:
        """Check training data as `upload_dataset` does, without storing it; the report lists faulty rows.

        Raises:
            InvalidArgumentError: The file cannot be read, or an argument is wrong.
        """
        header = build(
            messages.DatasetHeader,
            "header",
            format=format,
            task=task,
            task_options=encode.task_options(task_options or TaskOptions()),
            base_model=base_model,
            max_input_tokens=max_input_tokens,
            unlabelled=unlabelled,
            near_duplicates=near_duplicates,
            refuse_long_inputs=refuse_long_inputs,
            input_column=input_column,
            output_column=output_column,
        )
        requests = _requests(messages.CheckDatasetRequest, header, rows)
        answer = self._connection.unary(
            self._datasets.CheckDataset, requests, safe=True, timeout_seconds=timeout_seconds
        )
        return decode_values.data_report(answer.report)

    def get_dataset(self, dataset: Reference) -> resources.Dataset:
        """Return a dataset with its report.

        Raises:
            NotFoundError: The dataset does not exist in the caller's tenant.
        """
        request = messages.GetDatasetRequest()
        return decode.dataset(self._call(self._datasets.GetDataset, request, {"name": (dataset, "datasets")}))

    def list_datasets(
        self,
        *,
        filter: str = "",
        order_by: str = "",
        view: ResourceView = ResourceView.BASIC,
        limit: int | None = None,
        page_token: str = "",
    ) -> Listed[resources.Dataset]:
        """Return the datasets.

        Args:
            filter: Condition in the grammar of https://google.aip.dev/160, such as `row_count >= 100`; the
                comment of `ListDatasetsRequest` in the API lists the fields. Default: none.
            order_by: Fields to sort by, such as `create_time desc, display_name`. Default: newest first.
            view: `basic` leaves out reports, `full` includes them.
            limit: Maximum number to return. Default: all.
            page_token: `next_page_token` of the list that these items follow. Default: the beginning.

        Raises:
            InvalidArgumentError: The filter, the order or the token is invalid. The error names the fields.
        """
        request = build(
            messages.ListDatasetsRequest,
            filter=filter,
            order_by=order_by,
            page_token=page_token,
            view=enum_name("view", ResourceView, view, "RESOURCE_VIEW"),
        )
        return self._pages(self._datasets.ListDatasets, request, lambda page: page.datasets, decode.dataset, limit)

    def stream_datasets(
        self, *, filter: str = "", order_by: str = "", page_size: int = 1000
    ) -> Generator[resources.Dataset]:
        """Yield what `list_datasets` returns, of which only a page is in memory.

        Args:
            page_size: Number of items to read at once, at most 1,000.

        Raises:
            InvalidArgumentError: The filter or the order is invalid. The error names the fields.
        """
        request = build(messages.ListDatasetsRequest, filter=filter, order_by=order_by)
        for message in self._messages(self._datasets.ListDatasets, request, lambda page: page.datasets, page_size, {}):
            yield decode.dataset(message)

    def list_dataset_rows(self, dataset: Reference, *, after_row: int = 0, limit: int | None = None) -> list[Row]:
        """Return the rows of a dataset in order.

        Args:
            after_row: Only rows after this one, to begin in the middle.
            limit: Maximum number to return. Default: all.

        Raises:
            NotFoundError: The dataset does not exist in the caller's tenant.
        """
        return self._pages(
            self._datasets.ListDatasetRows,
            build(messages.ListDatasetRowsRequest, after_row=after_row),
            lambda page: page.rows,
            decode.dataset_row,
            limit,
            {"name": (dataset, "datasets")},
        )

    def stream_dataset_rows(self, dataset: Reference) -> Generator[Row]:
        """Yield the rows of a dataset in order, of which only a page is in memory.

        Raises:
            NotFoundError: The dataset does not exist in the caller's tenant.
        """
        request, references = messages.ListDatasetRowsRequest(), {"name": (dataset, "datasets")}
        for row in self._messages(self._datasets.ListDatasetRows, request, lambda page: page.rows, None, references):
            yield decode.dataset_row(row)

    def _dataset_of(
        self, rows: Rows | resources.Dataset, uploaded: list[resources.Dataset], *, display_name: str, **options: Any
    ) -> resources.Dataset:
        """Return the dataset of data: a stored one, also by its id or display name, or else one that is uploaded.

        Args:
            uploaded: The dataset is added to it if it is uploaded.
            options: Options of the upload.
        """
        if isinstance(rows, resources.Dataset):
            return rows
        if isinstance(rows, str) and may_be_stored(rows):
            try:
                return self.get_dataset(rows)
            except NotFoundError as error:
                raise InvalidArgumentError.of(
                    "rows",
                    f"{rows[:200]!r} is neither a file nor the id or display name of a stored dataset. List these with "
                    "`foreword datasets list`",
                ) from error
        dataset = self.upload_dataset(rows, display_name=display_name, **options)
        uploaded.append(dataset)
        return dataset

    @contextmanager
    def _deleted_when_refused(self, uploaded: Sequence[resources.Dataset]) -> Generator[None]:
        """Delete the datasets that this block uploads only for its request, if the request is refused.

        Args:
            uploaded: The datasets; the block adds each of them once it is stored. Those that were stored before stay.
        """
        try:
            yield
        except ForewordError:
            for dataset in (item for item in uploaded if not item.reused):
                with suppress(ForewordError):  # the first error matters more; a run that was queued keeps its data
                    self.delete_dataset(dataset)
            raise

    def plot_dataset(self, dataset: Reference | DataReport, path: str | PathLike[str] | None = None) -> Figure:
        """Draw the rows by label, how many rows have two labels together, and the lengths of the texts.

        Args:
            dataset: A stored dataset, or the report that `check_dataset` returned.
            path: File to write, such as `complaints.png`; its extension sets the format. Default: none.

        Returns:
            The matplotlib figure.

        Raises:
            FailedPreconditionError: matplotlib is not installed, or the report has nothing to draw.
            NotFoundError: The dataset does not exist.
        """
        from foreword.client.dataset_picture import draw_dataset

        if isinstance(dataset, DataReport):
            return in_thread(draw_dataset, dataset, path)
        found = self.get_dataset(dataset)
        report = found.report or DataReport(row_count=found.row_count, usable_row_count=found.row_count)
        return in_thread(draw_dataset, report, path, title=f"{found.display_name}, version {found.version}")

    def delete_dataset(self, dataset: Reference) -> None:
        """Delete a dataset. Experiments that ran on it keep their results.

        Raises:
            NotFoundError: The dataset does not exist in the caller's tenant.
            FailedPreconditionError: A queued or running experiment needs it.
        """
        references = {"name": (dataset, "datasets")}
        request = messages.DeleteDatasetRequest()
        self._call(self._datasets.DeleteDataset, request, references, gone_is_done=True)


def _requests(kind: Callable[..., Any], header: messages.DatasetHeader, rows: Rows) -> Callable[[], Generator[Any]]:
    """Return a function that yields the messages of an upload from the start."""
    read = chunks(
        rows, unlabelled=header.unlabelled, input_column=header.input_column, output_column=header.output_column
    )

    def start() -> Generator[Any]:
        yield kind(header=header)
        reading, size = read(), 0
        while chunk := in_thread(next, reading, b""):
            size += len(chunk)
            yield kind(chunk=chunk)
        yield kind(end=size)

    return start
