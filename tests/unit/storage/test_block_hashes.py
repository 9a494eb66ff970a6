"""Files that are verified block by block."""

from __future__ import annotations

import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.storage.artifacts import block_hashes
from foreword.storage.artifacts.block_hashes import BLOCK_BYTES, BlockHashes, VerifiedFile, hash_blocks


class CorruptError(Exception):
    """The error that tests expect."""


def verified(content: bytes, hashes: BlockHashes) -> io.BufferedReader:
    return io.BufferedReader(VerifiedFile(io.BytesIO(content), hashes, CorruptError), BLOCK_BYTES)


@pytest.fixture(scope="module", autouse=True)
def small_blocks():
    """Blocks of 8 bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_hashes, "BLOCK_BYTES", 8)
        yield


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_the_pieces_in_which_a_file_arrives_do_not_change_its_hashes(pieces: list[bytes]):
    content = b"".join(pieces)

    whole, hashes = hash_blocks(pieces)

    assert (whole, hashes) == hash_blocks([content])
    assert whole == hashlib.sha256(content).hexdigest()
    assert hashes.sha256 == tuple(
        hashlib.sha256(content[start : start + 8]).digest() for start in range(0, len(content), 8)
    )
    assert BlockHashes.from_bytes(hashes.to_bytes()) == hashes


@given(st.binary(max_size=60), st.integers(0, 70), st.integers(0, 70))
def test_any_part_of_an_unchanged_file_is_read(content: bytes, offset: int, size: int):
    file = verified(content, hash_blocks([content])[1])

    file.seek(offset)

    assert file.read(size) == content[offset : offset + size]
    file.seek(0)
    assert list(file) == list(io.BytesIO(content))


@given(st.binary(min_size=1, max_size=60), st.data())
def test_a_changed_byte_is_noticed_when_its_block_is_read(content: bytes, data: st.DataObject):
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))
    reader = VerifiedFile(io.BytesIO(bytes(changed)), hash_blocks([content])[1], CorruptError)

    for start in range(0, len(content), 8):
        reader.seek(start)
        if start <= place < start + 8:
            with pytest.raises(CorruptError):
                reader.read(1)
        else:
            assert reader.read(1) == content[start : start + 1]


@pytest.mark.parametrize("found", [b"", b"0123456789", b"0123456789abcdefg"])
def test_a_file_of_another_size_is_not_opened(found: bytes):
    with pytest.raises(CorruptError):
        VerifiedFile(io.BytesIO(found), hash_blocks([b"0123456789abcdef"])[1], CorruptError)
