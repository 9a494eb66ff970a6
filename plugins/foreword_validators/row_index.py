"""A compact index of rows by their texts."""

from __future__ import annotations

from array import array

_MASK = 2**64 - 1
_MAX_LOAD = 0.6


class RowIndex:
    """The first row of each text, found by a 64-bit hash of the text.

    It takes about 20 bytes per text, whatever its length: a file has up to a million rows, for which a dict with
    digests would take 150 MB. Two different texts have the same hash with a probability of 1 : 37,000,000 in a file of
    a million rows. The hash of `str` is keyed, so that nobody can choose texts whose hashes are equal.
    """

    def __init__(self) -> None:
        self._count = 0
        self._size = 1 << 10
        self._hashes = array("Q", bytes(8 * self._size))  # 0 marks a free slot
        self._numbers = array("I", bytes(4 * self._size))

    def first(self, text: str, number: int) -> int:
        """Return the number of the first row with this text, which is `number` if there was none."""
        key = hash(text) & _MASK or 1
        hashes, mask = self._hashes, self._size - 1
        slot = key & mask
        while found := hashes[slot]:
            if found == key:
                return self._numbers[slot]
            slot = (slot + 1) & mask
        hashes[slot], self._numbers[slot] = key, number
        self._count += 1
        if self._count > _MAX_LOAD * self._size:
            self._grow()
        return number

    def _grow(self) -> None:
        """Double the number of slots."""
        hashes, numbers = self._hashes, self._numbers
        self._size *= 2
        mask = self._size - 1
        self._hashes = array("Q", bytes(8 * self._size))
        self._numbers = array("I", bytes(4 * self._size))
        for key, number in zip(hashes, numbers, strict=True):
            if key:
                slot = key & mask
                while self._hashes[slot]:
                    slot = (slot + 1) & mask
                self._hashes[slot], self._numbers[slot] = key, number
