"""The rows of one update."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from foreword.plugin.interfaces import EncodedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """The rows of one update, in the order of its batches.

    Attributes:
        passes: The rows by forward pass, as the run makes them alone: batch by batch, and a large batch in parts.
        num_rows: Number of rows.
        num_answer_tokens: Answer tokens of all rows. The sum of the losses is divided by it, so that every token of the
            update has the same weight, even if the window is shorter than the others or its batches differ in size.
        num_tokens: Tokens of all rows, each with the virtual tokens in front of it.
    """

    passes: tuple[tuple[EncodedRow, ...], ...]
    num_rows: int
    num_answer_tokens: int
    num_tokens: int

    @classmethod
    def of(
        cls,
        batches: Sequence[Sequence[EncodedRow]],
        *,
        context_tokens: int,
        divide: Callable[[Sequence[EncodedRow]], Iterable[Sequence[EncodedRow]]],
    ) -> Update:
        """Return the update of a window of batches.

        Args:
            context_tokens: Number of virtual tokens in front of each row.
            divide: Divides a batch into parts that fit into one pass.
        """
        rows = [row for batch in batches for row in batch]
        return cls(
            passes=tuple(tuple(part) for batch in batches for part in divide(batch)),
            num_rows=len(rows),
            num_answer_tokens=sum(len(row.target_ids) for row in rows),
            num_tokens=sum(row.length + context_tokens for row in rows),
        )
