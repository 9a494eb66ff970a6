"""The stored rows of an evaluation with the answers of all systems, read in pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import BinaryIO, Final

from foreword.domain.evaluation import AnsweredRow, AnswerRowsFile, Evaluation, SystemAnswer
from foreword.errors import ArtifactError
from foreword.names import EvaluationName
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.lists.page_tokens import PageTokens
from foreword.storage.lists.pages import Page, Take, take_any
from foreword.storage.repositories.dataset_rows import open_verified
from foreword.turns.cancellation import check_cancelled

_MOST_BYTES_READ: Final = 8 * 2**20
"""Bytes of rows that a page looks at, at most. A page of a selection can be short, or even empty."""


def answered_row_line(row: AnsweredRow) -> bytes:
    """Return the stored form of a row, with its end of line."""
    return (json.dumps(asdict(row), ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass")


@contextmanager
def open_answered_rows(artifacts: ArtifactStore, evaluation: Evaluation, rows: AnswerRowsFile) -> Iterator[BinaryIO]:
    """Open the rows of an evaluation for the duration of the block. Each block is verified when it is read.

    Raises:
        ArtifactError: The rows are missing, or are not what was stored. Reading raises it too.
        UnavailableError: The artifact store is unavailable.
    """
    name = str(EvaluationName(evaluation.tenant, evaluation.id))

    def corrupt() -> ArtifactError:
        return ArtifactError(
            f"The stored rows of {name} are not those that were evaluated. Create the evaluation again, or restore the "
            "artifact store from a backup.",
            metadata={"resource": name, "artifact": rows.artifact},
        )

    with open_verified(artifacts, rows.artifact, rows.blocks_sha256, corrupt) as file:
        yield file


def read_answered_page(
    file: BinaryIO,
    evaluation: Evaluation,
    selection: str,
    page_size: int,
    page_token: str,
    tokens: PageTokens,
    *,
    keeps: Callable[[AnsweredRow], bool] = lambda _: True,
    take: Take[AnsweredRow] = take_any,
) -> Page[AnsweredRow]:
    """Return the rows of a page in order.

    Args:
        file: The stored rows, seekable.
        selection: Name of the selection, to which page tokens are bound.
        page_size: Maximum number of rows.
        keeps: Whether a row belongs to the selection.
        take: Called with each row that belongs to it; the page ends before the first one that it refuses.

    Raises:
        InvalidArgumentError: The token does not belong to this evaluation and selection.
    """
    scope = (evaluation.tenant, "evaluations", evaluation.id, "rows", selection)
    (start,) = tokens.open(scope, page_token) if page_token else (0,)
    file.seek(start)
    rows: list[AnsweredRow] = []
    end = start
    line = b""
    while len(rows) < page_size and end - start < _MOST_BYTES_READ and (line := file.readline()):
        check_cancelled()
        row = _row(line)
        if keeps(row):
            if not take(row):
                break
            rows.append(row)
        end += len(line)
    is_last = evaluation.rows is None or end >= evaluation.rows.byte_size
    return Page(tuple(rows), "" if is_last else tokens.seal(scope, (end,)))


def _row(line: bytes) -> AnsweredRow:
    document = json.loads(line.decode("utf-8", "surrogatepass"))
    given = document.pop("answers")
    answers = tuple(None if answer is None else SystemAnswer(**answer) for answer in given)
    return AnsweredRow(**{**document, "scores": tuple(document["scores"])}, answers=answers)
