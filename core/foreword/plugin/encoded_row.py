"""A row of a dataset in token ids."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """One row in token ids; the answer includes the token that closes it."""

    input_ids: tuple[int, ...]
    target_ids: tuple[int, ...]

    @property
    def length(self) -> int:
        """Tokens of input and answer."""
        return len(self.input_ids) + len(self.target_ids)
