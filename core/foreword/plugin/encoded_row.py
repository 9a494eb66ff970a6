"""A dataset row as token ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """A row as token ids; the answer includes its end token."""

    input_ids: tuple[int, ...]
    target_ids: tuple[int, ...]

    @property
    def length(self) -> int:
        """The number of tokens of input and answer."""
        return len(self.input_ids) + len(self.target_ids)
