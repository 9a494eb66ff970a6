"""Token counts of a dataset's rows for a plan, at a bounded cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foreword.domain.dataset import Row
from foreword.domain.templates import apply_verbalizer

MOST_MEASURED_BYTES: Final = 3_000_000
"""Text that a plan tokenizes, in bytes of UTF-8, templates included. A processor tokenizes about a megabyte a second
with the embedded model's tokenizer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """The token counts of inputs (template applied) and answers, for all rows or for rows spread evenly over them.

    Attributes:
        numbers: Numbers of the rows that were measured.
        row_count: Number of all rows.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    numbers: tuple[int, ...]
    row_count: int

    @property
    def are_sampled(self) -> bool:
        """True if not all rows were measured."""
        return len(self.numbers) < self.row_count


def measure_lengths(
    rows: Sequence[Row],
    targets: Sequence[str],
    *,
    verbalizer: str,
    count_tokens: Callable[[str], int],
    check: Callable[[], None] = lambda: None,
    most_bytes: int = MOST_MEASURED_BYTES,
) -> Lengths:
    """Count the tokens of inputs and answers, row by row, so that one composed input is in memory at a time.

    Args:
        rows: All rows, at least one.
        targets: The canonical answer of each row.
        count_tokens: Counts the tokens of a text as the base model receives it, special tokens included.
        check: Called for each row; raises an error to stop.
        most_bytes: Maximum size of the texts that are tokenized. Rows that exceed it together are sampled.
    """
    # Answers are learnt without the special tokens around an input, and with the one that ends an answer.
    special = count_tokens("")
    answers: dict[str, int] = {}
    inputs: list[int] = []
    outputs: list[int] = []
    numbers: list[int] = []
    for place in _measured_places(rows, targets, len(verbalizer.encode()), most_bytes):
        check()
        row, target = rows[place], targets[place]
        if target not in answers:
            answers[target] = count_tokens(target) - special + 1
        inputs.append(count_tokens(apply_verbalizer(verbalizer, row.input)))
        outputs.append(answers[target])
        numbers.append(row.number)
    return Lengths(inputs=tuple(inputs), outputs=tuple(outputs), numbers=tuple(numbers), row_count=len(rows))


def _measured_places(
    rows: Sequence[Row], targets: Sequence[str], template_bytes: int, most_bytes: int
) -> Sequence[int]:
    """Return the places of all rows, or of rows spread evenly whose texts have at most `most_bytes` together."""
    seen: set[str] = set()
    sizes: list[int] = []
    for row, target in zip(rows, targets, strict=True):
        answer = 0 if target in seen else _size(target)
        seen.add(target)
        sizes.append(template_bytes + _size(row.input) + answer)
    total = sum(sizes)
    if total <= most_bytes:
        return range(len(rows))
    count = max(1, len(rows) * most_bytes // total)
    chosen: list[int] = []
    taken = 0
    for tick in range(count):
        place = (2 * tick + 1) * len(rows) // (2 * count)
        taken += sizes[place]
        if chosen and taken > most_bytes:  # the chosen rows are longer than most
            break
        chosen.append(place)
    return chosen


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
