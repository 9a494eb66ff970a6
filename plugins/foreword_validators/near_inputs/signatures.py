"""Short signatures of texts, by which texts with many common pairs of words are found.

N texts, W words of several texts one after another, K bands.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_NUM_BANDS: Final = 20
_NUM_SHORT_BANDS: Final = 6
_SHORT: Final = 8
_HASHES_PER_BAND: Final = 3
_MAX_KNOWN_WORDS: Final = 100_000
_MAX_WAITING_WORDS: Final = 100_000
_EDGE: Final = np.uint64(0x9E3779B97F4A7C15)


class _WordHashes(dict[str, int]):
    """The hashes of words; the same in every process, so that the same file always gives the same report."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _MAX_KNOWN_WORDS:
            self.clear()
        value = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        self[word] = value
        return value


class Signatures:
    """The MinHash signatures of texts (Broder, On the resemblance and containment of documents, 1997).

    A text has a key for each band. The key of a band depends on 3 minima of hashes of the text's pairs of adjacent
    words, so that two texts share it with the cube of the probability that a pair in either is in both. Short texts
    have 6 more keys, which depend on their single words, because one word more takes many of their pairs away. The
    keys take 104 bytes of memory for each text.
    """

    def __init__(self, num_texts: int) -> None:
        self.lengths_N: NDArray[np.uint32] = np.zeros(num_texts, np.uint32)
        self._keys_KN: NDArray[np.uint32] = np.zeros((_NUM_BANDS + _NUM_SHORT_BANDS, num_texts), np.uint32)
        generator = np.random.default_rng(1)
        self._factors = generator.integers(0, 2**32, (len(self._keys_KN), _HASHES_PER_BAND), np.uint32) | np.uint32(1)
        self._count = 0
        self._hash = _WordHashes().__getitem__
        self._waiting: list[int] = []
        self._waiting_lengths: list[int] = []

    def bands(self, places_N: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint32]]]:
        """Yield places that have a key in a band, and their keys, for each band."""
        for keys_N in self._keys_KN[:_NUM_BANDS]:
            yield places_N, keys_N[places_N]
        places_N = places_N[self.lengths_N[places_N] <= _SHORT]
        for keys_N in self._keys_KN[_NUM_BANDS:]:
            yield places_N, keys_N[places_N]

    def add(self, words: Sequence[str]) -> None:
        """Add the words of the next text."""
        self._waiting.extend(map(self._hash, words))
        self._waiting_lengths.append(len(words))
        if len(self._waiting) >= _MAX_WAITING_WORDS or len(self._waiting_lengths) >= _MAX_WAITING_WORDS:
            self.finish()

    def finish(self) -> None:
        """Compute the signatures of the texts that were added."""
        lengths_N = np.array(self._waiting_lengths, np.int64)
        words_W = np.array(self._waiting, np.uint64)
        self._waiting.clear()
        self._waiting_lengths.clear()
        first = self._count
        self._count += len(lengths_N)
        self.lengths_N[first : self._count] = lengths_N
        places_N = first + np.flatnonzero(lengths_N)
        if not len(places_N):
            return
        lengths_N = lengths_N[lengths_N > 0]
        starts_N = np.cumsum(lengths_N) - lengths_N
        # The word before the first one of a text is its edge, which makes one pair for every word.
        before_W = np.empty_like(words_W)
        before_W[1:] = words_W[:-1]
        before_W[starts_N] = _EDGE
        self._add_keys(0, _NUM_BANDS, places_N, _mixed(before_W * np.uint64(0xD6E8FEB86659FD93) + words_W), starts_N)
        is_short_N = lengths_N <= _SHORT
        if is_short_N.any():
            hashes_W = _mixed(words_W[np.repeat(is_short_N, lengths_N)])
            lengths_N = lengths_N[is_short_N]
            starts_N = np.cumsum(lengths_N) - lengths_N
            self._add_keys(_NUM_BANDS, len(self._keys_KN), places_N[is_short_N], hashes_W, starts_N)

    def _add_keys(
        self,
        first: int,
        end: int,
        places_N: NDArray[np.int64],
        hashes_W: NDArray[np.uint32],
        starts_N: NDArray[np.int64],
    ) -> None:
        """Compute the keys of some bands from the hashes of texts, each of which starts at its place."""
        for band in range(first, end):
            keys_N = np.zeros(len(places_N), np.uint64)
            for factor in self._factors[band]:
                minima_N = np.minimum.reduceat(hashes_W * factor, starts_N)
                keys_N = _mixed64(keys_N + minima_N)
            self._keys_KN[band, places_N] = keys_N >> np.uint64(32)


def _mixed64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return well-mixed values (the finalizer of SplitMix64: Steele, Lea and Flood, 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Return the upper half of well-mixed values."""
    return (_mixed64(values) >> np.uint64(32)).astype(np.uint32)
