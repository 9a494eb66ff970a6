"""Guesses the task of a file from its outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.plugin.interfaces import Task

_MAX_LABEL_CHARACTERS = 50
_MAX_LABEL_WORDS = 5
_RECURRING_SHARE = 0.8


def guess_task(rows: Sequence[Row], tasks: Mapping[str, Task], options: TaskOptions) -> Task | None:
    """`classification` if its options are set or the outputs look like labels, else `generation`.

    Returns:
        A task that is installed, or None.
    """
    labelled = bool(options.labels) or options.multi_label is not None or looks_like_labels(rows, options.separator)
    return tasks.get("classification" if labelled else "generation") or next(iter(tasks.values()), None)


def looks_like_labels(rows: Sequence[Row], separator: str | None = None) -> bool:
    """Whether nearly all outputs consist of short texts that recur, alone or joined by the separator."""
    counts = Counter(part for row in rows for part in _parts(row.output, separator or ", "))
    if any(len(part) > _MAX_LABEL_CHARACTERS or len(part.split()) > _MAX_LABEL_WORDS for part in counts):
        return False
    recurring = sum(count for count in counts.values() if count > 1)
    return recurring > 0 and recurring >= _RECURRING_SHARE * counts.total()


def _parts(output: str, separator: str) -> set[str]:
    """The texts that would be labels; spelling and order aside."""
    parts = output.split(separator.strip() or separator)
    return {" ".join(part.split()).casefold() for part in parts if part.strip()}
