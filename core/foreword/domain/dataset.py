"""Datasets: immutable, content-addressed versions of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foreword.domain.capture import CaptureProvenance
from foreword.domain.report import DataReport

MAX_DATASET_BYTES: Final = 200_000_000
"""Default maximum size of a file of rows, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A training example, or a row to answer.

    Attributes:
        number: Position in the file, counted from 1, blank lines included.
        output: Empty in an unlabelled dataset.
        fields: The other fields of a row of an unlabelled dataset as a JSON object; empty if it has none.
    """

    number: int
    input: str
    output: str
    fields: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A stored version of rows, with the report of the data checks.

    Attributes:
        tenant: Id of the owner.
        id: Last part of the resource name.
        display_name: Human-readable name; versions of the same display name are numbered from 1.
        artifact: Key of the stored rows (JSONL) in the artifact store.
        content_sha256: SHA-256 of the rows without their numbers, in hexadecimal.
        blocks_sha256: SHA-256 of the hashes of the rows' blocks, as they are stored beside the rows; empty if there are
            none.
        report: None if the dataset was listed without its report.
        unlabelled: Whether its rows have no outputs: it can only be answered, neither trained nor evaluated on.
        captured_from: Which captured requests its rows are; None for a file that was uploaded.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    version: int
    artifact: str
    content_sha256: str
    blocks_sha256: str
    row_count: int
    byte_size: int
    report: DataReport | None
    creator: str
    create_time: datetime
    unlabelled: bool = False
    captured_from: CaptureProvenance | None = None
