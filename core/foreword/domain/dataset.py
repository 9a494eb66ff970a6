"""Datasets: immutable, content-addressed versions of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foreword.domain.report import DataReport

MAX_DATASET_BYTES: Final = 200_000_000
"""Largest file of rows, in bytes, unless the settings say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One training example. `number` is its position in the file, counted from 1."""

    number: int
    input: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A stored version of rows, with the report of its checks.

    Attributes:
        tenant: Owner's id.
        id: Last part of its name.
        display_name: Name for people; versions of one display name count up from 1.
        artifact: Key of the stored rows (JSONL) in the artifact store.
        content_sha256: SHA-256 of those bytes, in hexadecimal.
        report: None when listed without it.
    """

    tenant: str
    id: str
    display_name: str
    description: str
    version: int
    artifact: str
    content_sha256: str
    row_count: int
    byte_size: int
    report: DataReport | None
    creator: str
    create_time: datetime
