"""Freed memory goes back to the operating system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from foreword.server.endpoint.memory_trim import MemoryTrimmer, trimmer

MIB = 2**20

# Small blocks whose neighbours stay: the C library cannot return them by itself.
GROW_AND_TRIM = """
import os
from foreword.server.endpoint.memory_trim import trimmer
own = trimmer()
own.trim_if_grown()
rest = own._resident_bytes()
blocks = [b"x" * 60_000 for _ in range(3_000)]
kept = blocks[::50]
del blocks
left = own._resident_bytes() - rest
assert own.trim_if_grown()
print(left, own._resident_bytes() - rest)
"""


def test_memory_is_trimmed_only_after_it_has_grown():
    sizes = iter([100 * MIB, 90 * MIB, 121 * MIB, 140 * MIB, 95 * MIB])
    trims: list[bool] = []
    trimming = MemoryTrimmer(lambda: next(sizes), lambda: trims.append(True))

    assert trimming.trim_if_grown()  # from 100 to 90 MiB
    assert not trimming.trim_if_grown()  # 121 MiB
    assert trimming.trim_if_grown()  # from 140 to 95 MiB
    assert len(trims) == 2


@pytest.mark.skipif(trimmer() is None, reason="the C library is not glibc")
def test_what_was_freed_between_kept_blocks_goes_back():
    result = subprocess.run([sys.executable, "-c", GROW_AND_TRIM], capture_output=True, text=True, check=True)

    before, after = map(int, result.stdout.split())
    assert before > 100 * MIB
    assert after < 20 * MIB
