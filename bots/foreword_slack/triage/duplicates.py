"""Similarity of complaints: MinHash over word triples (Broder 1997)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from foreword_slack.words import input_key

_HASHES = 64
_SHINGLE_WORDS = 3


def signature(text: str) -> tuple[int, ...]:
    """Return a signature of 64 32-bit numbers; the share of equal numbers estimates the similarity of two texts."""
    words = input_key(text).split()
    if not words:
        return ()
    spans = range(max(1, len(words) - _SHINGLE_WORDS + 1))
    shingles = {" ".join(words[start : start + _SHINGLE_WORDS]) for start in spans}
    # One long digest per shingle serves all hash functions, because its 64 slices are independent.
    digests = [hashlib.shake_128(shingle.encode()).digest(4 * _HASHES) for shingle in shingles]
    return tuple(
        min(int.from_bytes(digest[4 * number : 4 * number + 4], "big") for digest in digests)
        for number in range(_HASHES)
    )


def similarity(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the estimated Jaccard similarity of two texts, in [0, 1], from their signatures."""
    if not one or len(one) != len(other):
        return 0.0
    return sum(left == right for left, right in zip(one, other, strict=True)) / len(one)
