"""The division of rows into passes so that padding stays low: sizes in, decision out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSize:
    """The size of a row in a pass.

    Attributes:
        length: Tokens of the row itself; the rows of a pass are padded to the longest of them.
        run: Number of the run that the row belongs to.
        shared: Virtual tokens that all rows of the run in one pass share.
    """

    length: int
    run: int = 0
    shared: int = 0


def pass_size(rows: Sequence[RowSize]) -> int:
    """Return the number of tokens of a pass, with padding: each row as the longest, each prompt as the longest one."""
    shared = max(row.shared for row in rows) * len({row.run for row in rows if row.shared})
    return len(rows) * max(row.length for row in rows) + shared


def cut_passes(rows: Sequence[RowSize], *, overhead: int, most: int | None = None) -> list[list[int]]:
    """Divide rows into passes, longest rows first, so that a lack of memory shows at once.

    Rows in order of their length are divided where it saves most padding, and the two parts again, until a further pass
    costs more than it saves.

    Args:
        overhead: Cost of a pass in tokens, however small it is.
        most: Maximum `pass_size`; one row may be larger. Default: any size.

    Returns:
        The passes as indices into `rows`.
    """
    order = sorted(range(len(rows)), key=lambda place: -rows[place].length)
    found: list[list[int]] = []
    waiting = [order]
    while waiting:
        places = waiting.pop()
        sizes = [rows[place] for place in places]
        saved, cut = _best_cut(sizes)
        if saved <= overhead:
            cut = 0 if most is None or pass_size(sizes) <= most else max(1, len(places) // 2)
        if 0 < cut < len(places):
            waiting += [places[cut:], places[:cut]]
        else:
            found.append(places)
    return found


def _best_cut(rows: Sequence[RowSize]) -> tuple[int, int]:
    """Return the number of tokens that the best cut saves, and the number of rows in front of it.

    A run with rows on both sides of the cut needs its shared tokens twice.
    """
    longest, prompt = rows[0].length, max(row.shared for row in rows)
    before, after = _num_sharing(rows), _num_sharing(rows[::-1])[::-1]
    saved = [
        (len(rows) - cut) * (longest - rows[cut].length) - prompt * (before[cut - 1] + after[cut] - before[-1])
        for cut in range(1, len(rows))
    ]
    best = max(saved, default=0)
    return best, saved.index(best) + 1 if saved else 0


def _num_sharing(rows: Sequence[RowSize]) -> list[int]:
    """Return the number of runs with shared tokens among the first one, two, three... rows."""
    seen: set[int] = set()
    return list(accumulate(_is_new(row, seen) for row in rows))


def _is_new(row: RowSize, seen: set[int]) -> int:
    """Return 1 for the first row of a run with shared tokens, 0 for others."""
    if not row.shared or row.run in seen:
        return 0
    seen.add(row.run)
    return 1
