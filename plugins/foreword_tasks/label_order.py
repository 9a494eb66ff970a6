"""The order in which answers list labels, determined from the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

# The vote costs labels x pairs, and each row the square of its labels. Data beyond these limits is not a label set.
_MAX_LABELS = 1000
_MAX_LABELS_PER_ROW = 50


def majority_order(votes: Iterable[tuple[Sequence[str], int]]) -> tuple[str, ...]:
    """Return the labels in the order that most rows use, by the method of ranked pairs.

    For each pair of labels, the rows that have both vote on their order. Clear majorities count before close ones, and
    a majority that contradicts earlier ones is skipped (Tideman 1987, doi:10.1007/BF00433944). Pairs without a vote
    are ordered by frequency, then alphabetically, so that the order of the rows does not matter.

    Args:
        votes: Labels as written, without repetitions, each with the number of rows that have them. Rows with more than
            50 labels do not vote; with more than 1,000 labels only the frequency decides.
    """
    counts: Counter[str] = Counter()
    orders: Counter[tuple[str, str]] = Counter()
    for labels, row_count in votes:
        for label in labels:
            counts[label] += row_count
        if len(labels) <= _MAX_LABELS_PER_ROW:
            for pair in combinations(labels, 2):
                orders[pair] += row_count
    ranked = sorted(counts, key=lambda label: (-counts[label], label))
    if not orders or len(ranked) > _MAX_LABELS:
        return tuple(ranked)
    place = {label: index for index, label in enumerate(ranked)}
    margins = {pair: count - orders.get((pair[1], pair[0]), 0) for pair, count in orders.items()}
    pairs = sorted(
        (pair for pair, margin in margins.items() if margin > 0),
        key=lambda pair: (-margins[pair], place[pair[0]], place[pair[1]]),
    )
    # behind[i] has a bit for each label that is known to come after label i.
    behind = [0] * len(ranked)
    for first, second in ((place[first], place[second]) for first, second in pairs):
        if behind[second] >> first & 1 or behind[first] >> second & 1:
            continue
        reach = behind[second] | 1 << second
        for index in range(len(ranked)):
            if index == first or behind[index] >> first & 1:
                behind[index] |= reach
    return tuple(ranked[index] for index in _unfold(behind))


def _unfold(behind: Sequence[int]) -> Iterable[int]:
    """Yield the indices in a valid order, always the smallest possible one next."""
    open_ = list(range(len(behind)))
    while open_:
        blocked = 0
        for index in open_:
            blocked |= behind[index]
        following = next(index for index in open_ if not blocked >> index & 1)
        open_.remove(following)
        yield following
