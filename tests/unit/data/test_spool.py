"""The temporary file of rows that are being checked."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

import pytest

from foreword.data.rows import write_rows
from foreword.data.spool import RowSpool
from foreword.domain.dataset import Row
from foreword.errors import UnavailableError

ROWS = [Row(number=number, input=f"text {number}\n", output="ä") for number in (1, 3, 4)]


@pytest.fixture
def spool(tmp_path: Path):
    """A spool with three rows."""
    found = RowSpool(tmp_path)
    for row in ROWS:
        found.add(row)
    yield found
    found.close()


def test_rows_are_read_back_with_their_numbers_and_stored_in_their_usual_form(spool: RowSpool):
    content = write_rows(ROWS)

    assert list(spool.rows()) == ROWS
    assert spool.file().read() == content
    assert (spool.row_count, spool.byte_size) == (3, len(content))
    assert spool.stored_sha256 == hashlib.sha256(content).hexdigest()


def test_the_content_is_the_same_wherever_blank_lines_were(spool: RowSpool, tmp_path: Path):
    dense = RowSpool(tmp_path)
    for number, row in enumerate(ROWS, 1):
        dense.add(dataclasses.replace(row, number=number))

    assert dense.content_sha256 == dense.stored_sha256 == spool.content_sha256 != spool.stored_sha256
    dense.close()


def test_the_file_has_no_name_so_that_nothing_stays_behind_if_the_process_is_killed(spool: RowSpool, tmp_path: Path):
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_of_the_process_can_read_the_file(spool: RowSpool):
    assert os.fstat(spool.file().fileno()).st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_an_outage_whose_path_only_the_operator_sees(tmp_path: Path):
    with pytest.raises(UnavailableError) as caught:
        RowSpool(tmp_path / "gone").add(ROWS[0])

    assert "No such file" in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert str(tmp_path) in caught.value.operator_message
