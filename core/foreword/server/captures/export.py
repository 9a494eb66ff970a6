"""Datasets of captured requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

from foreword.data.checker import DatasetChecker, report_error
from foreword.data.rows import write_row
from foreword.domain.capture import CapturedRequest, CaptureProvenance
from foreword.domain.dataset import Dataset, Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.tenant import Caller
from foreword.errors import FailedPreconditionError
from foreword.inference.labels.named_labels import SEPARATOR
from foreword.names import DeploymentName
from foreword.plugin.interfaces import LabelSpace
from foreword.server.calls.pools import READ_SECONDS, WRITE_SECONDS, Pools
from foreword.server.convert.capture import CaptureExport
from foreword.server.convert.dataset import Header
from foreword.server.uploads.budget import UploadBudget
from foreword.server.uploads.chunks import UploadChecker
from foreword.server.uploads.dataset_store import DatasetStore
from foreword.storage.captures.repository import CaptureRepository
from foreword.storage.database import Database
from foreword.storage.repositories.requests import RequestKey
from foreword.turns.cancellation import give_way

_MOST_REVISIONS: Final = 100
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)


class CaptureExporter:
    """The writer of datasets that consist of captured requests."""

    def __init__(
        self,
        *,
        database: Database,
        checker: UploadChecker,
        store: DatasetStore,
        budget: UploadBudget,
        pools: Pools,
    ) -> None:
        self._database = database
        self._checker = checker
        self._store = store
        self._budget = budget
        self._storage, self._files = pools.storage, pools.files

    async def export(
        self, caller: Caller, wanted: CaptureExport, space: LabelSpace | None, request: RequestKey | None
    ) -> Dataset:
        """Store a dataset of captured requests, and return it.

        Args:
            space: The labels of the deployed model, in whose order outputs list them; None if it has none.

        Raises:
            NotFoundError: The deployment does not exist.
            InvalidArgumentError: The filter is invalid, or the rows have faults.
            FailedPreconditionError: No request suits.
            ExhaustedError: Too much is being uploaded, checked or exported.
        """
        name = wanted.deployment
        captures = CaptureRepository(self._database, caller.tenant)
        size = await self._storage.run(caller.tenant, READ_SECONDS, captures.byte_size, name.space, name.deployment)
        header = Header(
            tenant=None,
            display_name=wanted.display_name,
            description=wanted.description,
            format="jsonl",
            task="",
            task_options=TaskOptions(),
            base_model="",
            max_input_tokens=0,
            reuse_identical=False,
            unlabelled=wanted.unlabelled,
        )
        rows = _Rows(_no_output if wanted.unlabelled else partial(_output, space))
        write = _without_output if wanted.unlabelled else _with_output
        with self._budget.open(caller.tenant) as hold:
            hold(size)
            feed = partial(_write, captures, name, wanted.filter, rows, write)
            async with self._checker.check_rows(caller.tenant, header, feed) as checked:
                provenance = rows.provenance(name, wanted.filter)
                if checked.report.errors:
                    raise report_error(checked.report)
                store = partial(
                    self._store.store,
                    caller,
                    checked,
                    display_name=wanted.display_name,
                    description=wanted.description,
                    request=request,
                    unlabelled=wanted.unlabelled,
                    captured_from=provenance,
                )
                stored, _ = await self._files.run(caller.tenant, WRITE_SECONDS, store)
        return stored


@dataclass(slots=True)
class _Rows:
    """The rows of an export, of which the newest with each input counts, and what is left out.

    Attributes:
        output: Returns the output of a row; None if the right answer is unknown.
    """

    output: Callable[[CapturedRequest], str | None]
    count: int = 0
    unanswered: int = 0
    repeated: int = 0
    first_time: datetime = _LATEST
    last_time: datetime = _EARLIEST
    revisions: set[int] = field(default_factory=set)
    known: set[bytes] = field(default_factory=set)

    def take(self, item: CapturedRequest) -> Row | None:
        """Return the row of a request; None if it is left out. Requests come newest first."""
        self.count += 1
        output = self.output(item)
        if output is None:
            self.unanswered += 1
            return None
        digest = hashlib.blake2b(item.seen.input.encode(), digest_size=16).digest()
        if digest in self.known:
            self.repeated += 1
            return None
        self.known.add(digest)
        self.first_time = min(self.first_time, item.create_time)
        self.last_time = max(self.last_time, item.create_time)
        if item.seen.revision:
            self.revisions.add(item.seen.revision)
        return Row(number=len(self.known), input=item.seen.input, output=output)

    def provenance(self, deployment: DeploymentName, filter: str) -> CaptureProvenance:
        """Return what the rows are.

        Raises:
            FailedPreconditionError: There is none.
        """
        if not self.known:
            raise _nothing_to_export(deployment, filter, self.count)
        return CaptureProvenance(
            deployment=str(deployment),
            filter=filter,
            request_count=self.count,
            unanswered_count=self.unanswered,
            repeated_count=self.repeated,
            revisions=tuple(sorted(self.revisions)[-_MOST_REVISIONS:]),
            first_time=self.first_time,
            last_time=self.last_time,
        )


def _nothing_to_export(deployment: DeploymentName, filter: str, count: int) -> FailedPreconditionError:
    if count:
        problem = f"None of the {count:,} captured requests of {deployment} has a right answer"
        remedy = "Submit feedback with right answers, or export them unlabelled."
    elif filter:
        problem, remedy = f"No captured request of {deployment} meets the filter", "Change the filter."
    else:
        problem, remedy = f"{deployment} has captured no requests", "Set a share of its requests to capture."
    return FailedPreconditionError(
        f"{problem}. {remedy}", reason="NO_CAPTURED_REQUESTS", metadata={"resource": str(deployment)}
    )


def _write(
    captures: CaptureRepository,
    name: DeploymentName,
    filter: str,
    rows: _Rows,
    write: Callable[[Row, str], bytes],
    checker: DatasetChecker,
) -> None:
    """Feed a checker with the rows. The work pool calls it in a thread."""
    for batch in captures.batches(name.space, name.deployment, filter):
        for item in batch:
            give_way()
            row = rows.take(item)
            if row is not None:
                checker.feed(write(row, item.seen.request_id))


def _without_output(row: Row, request_id: str) -> bytes:
    """Return a row of an unlabelled file, with the id of its request in the place of an output."""
    return json.dumps({"input": row.input, "request_id": request_id}, ensure_ascii=False).encode() + b"\n"


def _with_output(row: Row, _: str) -> bytes:
    """Return a row of a labelled file, which has no room for other fields."""
    return write_row(row)


def _no_output(_: CapturedRequest) -> str:
    return ""


def _output(space: LabelSpace | None, item: CapturedRequest) -> str | None:
    """Return the right answer of a request as the output of a row; None if it is unknown, or none of the labels."""
    right = None if item.feedback is None else item.feedback.right
    if right is None:
        return None
    if right.labels is None:
        return right.output or None
    order = {label: place for place, label in enumerate(space.labels if space else ())}
    labels = sorted(right.labels, key=lambda label: (order.get(label, len(order)), label))
    return (space.separator if space else SEPARATOR).join(labels) or None
