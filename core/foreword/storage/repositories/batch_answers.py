"""The stored answers of a batch job, read in pages while the job goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from foreword.domain.batch_job import BatchAnswer, BatchJob
from foreword.names import BatchJobName
from foreword.storage.artifacts.line_files import read_lines
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.codec import decode, encode
from foreword.storage.lists.page_tokens import PageTokens
from foreword.storage.lists.pages import Page, Take, take_any
from foreword.storage.tables import BatchPartRow
from foreword.turns.cancellation import check_cancelled

MOST_PARTS_READ: Final = 32
"""Parts that a page looks at, at most. A page of a selection can be short, or even empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPart:
    """A stored part of the answers of a batch job, to consecutive rows.

    Attributes:
        first_row: Number of its first row.
        sha256: SHA-256 of its file, in hexadecimal.
        failed_count: Number of rows that have an error.
    """

    first_row: int
    artifact: str
    sha256: str
    row_count: int
    failed_count: int


def to_part(row: BatchPartRow) -> BatchPart:
    """Convert a row to a part."""
    return BatchPart(
        first_row=row.first_row,
        artifact=row.artifact,
        sha256=row.sha256,
        row_count=row.row_count,
        failed_count=row.failed_count,
    )


def answer_line(answer: BatchAnswer) -> str:
    """Return the stored form of an answer, without the end of line."""
    return json.dumps(encode(BatchAnswer, answer, "answer"), ensure_ascii=False)


def read_answers_page(
    artifacts: ArtifactStore,
    job: BatchJob,
    parts_after: Callable[[int], Sequence[BatchPart]],
    *,
    selection: str,
    page_size: int,
    page_token: str,
    after_row: int,
    tokens: PageTokens,
    keeps: Callable[[BatchAnswer], bool] = lambda _: True,
    take: Take[BatchAnswer] = take_any,
) -> Page[BatchAnswer]:
    """Return a page of the answers so far, in the order of the rows.

    Args:
        parts_after: Returns at most `MOST_PARTS_READ` parts with rows after a row.
        selection: Name of the selection, to which page tokens are bound.
        page_size: Maximum number of answers.
        after_row: Only rows after this one, if there is no token.
        keeps: Whether an answer belongs to the selection.
        take: Called with each answer that belongs to it; the page ends before the first one that it refuses.

    Raises:
        InvalidArgumentError: The token does not belong to this batch job and selection.
        ArtifactError: Answers are missing, or are not what was stored.
        UnavailableError: The artifact store is unavailable.
    """
    scope = (job.tenant, "batchJobs", job.id, "answers", selection)
    seen: int = tokens.open(scope, page_token)[0] if page_token else after_row
    parts = parts_after(seen)
    found: list[BatchAnswer] = []
    for part in parts:
        for answer in _answers(artifacts, job, part):
            check_cancelled()
            if answer.row <= seen:
                continue
            if keeps(answer):
                if len(found) == page_size or not take(answer):
                    return Page(tuple(found), tokens.seal(scope, (seen,)))
                found.append(answer)
            seen = answer.row
    return Page(tuple(found), tokens.seal(scope, (seen,)) if len(parts) == MOST_PARTS_READ else "")


def _answers(artifacts: ArtifactStore, job: BatchJob, part: BatchPart) -> Iterator[BatchAnswer]:
    resource = str(BatchJobName(job.tenant, job.id))
    for line in read_lines(artifacts, part.artifact, part.sha256, resource=resource):
        yield decode(BatchAnswer, json.loads(line))
