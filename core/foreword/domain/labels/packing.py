"""Several labels in one text: joined by a separator, or written as a list."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Collection
from typing import Final

from foreword.domain.labels.spelling import spelling_key

DEFAULT_SEPARATOR: Final = ", "
"""Text between the labels of an answer, unless it is set."""

OTHER_SEPARATORS: Final = (";", "|", "/", "&", "+", "\n")
"""Usual separators beside the default one, the most common first."""

_RECURRING_SHARE: Final = 0.8
_RECURRING_SHARE_WITH_SINGLES: Final = 0.5
_MOST_CHARACTERS: Final = 10_000
_BRACKETS: Final = {"[": "]", "(": ")", "{": "}"}
# numpy prints arrays without commas: ['A' 'B'].
_NUMPY_LIST: Final = re.compile(r"""\[\s*(?:'[^'\\]*'|"[^"\\]*")(?:\s+(?:'[^'\\]*'|"[^"\\]*"))+\s*\]""")
_QUOTED: Final = re.compile(r"""'([^']*)'|"([^"]*)\"""")


def split_output(output: str, separator: str) -> list[str]:
    """Split an output into its labels as written; `A,B` and `A , B` are read as `A, B`."""
    parts = [part.strip() for part in output.split(separator.strip() or separator)]
    return [part for part in parts if part] or [output.strip()]


def read_list(text: str) -> list[str] | None:
    """Return the texts of a list that is written as JSON, as Python or as numpy prints it; None for another text.

    `["A", "B"]`, `['A', 'B']`, `('A', 'B')`, `{'A', 'B'}` and `['A' 'B']` are lists; so are numbers, `[1, 2]`.
    """
    text = text.strip()
    if len(text) > _MOST_CHARACTERS or text[-1:] != _BRACKETS.get(text[:1], " "):
        return None
    if _NUMPY_LIST.fullmatch(text):
        return [(single or double).strip() for single, double in _QUOTED.findall(text)]
    values: object = None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        try:
            values = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return None
    if not isinstance(values, list | tuple | set | frozenset):
        return None
    if not all(isinstance(value, str | int | float) and not isinstance(value, bool) for value in values):
        return None
    # The order of a set is that of its hashes.
    texts = [str(value).strip() for value in values]
    return sorted(texts) if isinstance(values, set | frozenset) else texts


def recurring_separator(outputs: Collection[str]) -> str | None:
    """Return the usual separator, other than the default one, that joins recurring labels; None if none does.

    Args:
        outputs: Distinct outputs.
    """
    return next((separator for separator in OTHER_SEPARATORS if parts_recur(outputs, separator)), None)


def parts_recur(outputs: Collection[str], separator: str) -> bool:
    """Return True if the separator joins labels, that is, parts that also occur in other outputs.

    With `Warehouse` and `Planning, Packaging` in the data, `Warehouse, Packaging` is a set of labels. With `Salem, OR`
    in the data, `Portland, OR` is not, because the cities never recur.
    """
    mark = separator.strip() or separator
    if not any(mark in output for output in outputs):
        return False
    distinct = {tuple(sorted({spelling_key(part) for part in _parts(output, separator)})) for output in outputs}
    joined = [parts for parts in distinct if len(parts) > 1]
    if not joined:
        return False
    homes = Counter(part for parts in distinct for part in parts)
    occurrences = [part for parts in joined for part in parts]
    share = sum(homes[part] > 1 for part in occurrences) / len(occurrences)
    alone = any((part,) in distinct for part in occurrences)
    return share >= (_RECURRING_SHARE_WITH_SINGLES if alone else _RECURRING_SHARE)


def _parts(output: str, separator: str) -> list[str]:
    """Return the parts of an output; only itself if it is a list, whose marks are not separators."""
    return split_output(output, separator) if read_list(output) is None else [output]
