"""Checks for labels that are spelt differently and mean one thing, and for missing values among labels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations

from foreword.domain.counted import counted
from foreword.domain.labels.missing_values import is_missing_value
from foreword.domain.labels.misspelling import is_misspelling
from foreword.domain.labels.spelling import difference, meaning_key, spelling_key, visible
from foreword.domain.report import Finding, Severity
from foreword_tasks.label_distribution import LabelDistribution, LabelledOutput
from foreword_tasks.label_findings import label_finding

_LISTED = 8
# The cost of comparing all pairs grows with the square of the number of labels.
_MAX_COMPARED_LABELS = 300
_MARKED_DIFFERENCES = ("Unicode", "invisible", "script", "spaces")


def spelling(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report spellings that differ from a label only in case, spaces, Unicode form or invisible characters."""
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    holders: dict[str, list[tuple[str, LabelledOutput]]] = defaultdict(list)
    for output in distribution.outputs:
        for label in output.written:
            spellings[spelling_key(label)][label] += output.row_count
            holders[spelling_key(label)].append((label, output))
    for label in distribution.schema.labels:
        key = spelling_key(label)
        others = {spelling: count for spelling, count in spellings[key].items() if spelling != label}
        if not others:
            continue
        reason = " or ".join(dict.fromkeys(difference(spelling, label) for spelling in others))
        texts = {spelling: _shown(spelling, difference(spelling, label)) for spelling in others}
        listed = " and ".join(f"{texts[spelling]!r} ({count})" for spelling, count in list(others.items())[:_LISTED])
        verb = "differs" if len(others) == 1 else "differ"
        counts = "counts" if len(others) == 1 else "count"
        yield label_finding(
            Severity.WARNING,
            "LABEL_SPELLING",
            f"{listed} {verb} from '{label}' ({spellings[key][label]}) only in {reason} and {counts} as '{label}'.",
            f"Write '{label}' in all rows, or use distinct names if they are different labels.",
            [output for spelling, output in holders[key] if spelling != label],
            excerpt=next(iter(others)),
        )


def alike(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report different labels that probably mean the same, such as `1` and `1.0`."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in distribution.schema.labels:
        groups[meaning_key(label)].append(label)
    counts = distribution.label_counts
    for labels in groups.values():
        common, *others = sorted(labels, key=lambda label: (-counts[label], label))
        for label in others:
            reason = difference(label, common)
            texts = [f"'{_shown(text, reason)}' ({counted(counts[text], 'row')})" for text in (label, common)]
            yield label_finding(
                Severity.WARNING,
                "LABELS_ALIKE",
                f"{texts[0]} and {texts[1]} differ only in {reason}, but are two labels.",
                f"Write '{common}' in all of these rows if they mean the same; otherwise give them distinct names.",
                _rows_with(label, distribution),
                excerpt=label,
            )


def misspelt(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report rare labels that look like misspellings of frequent ones."""
    counts = distribution.label_counts
    if len(distribution.schema.labels) > _MAX_COMPARED_LABELS:
        return
    for pair in combinations(distribution.schema.labels, 2):
        rare, common = sorted(pair, key=lambda label: (counts[label], label))
        if meaning_key(rare) == meaning_key(common):  # reported by `alike`
            continue
        if is_misspelling(rare, counts[rare], common, counts[common]):
            yield label_finding(
                Severity.WARNING,
                "LABELS_SIMILAR",
                f"'{rare}' ({counted(counts[rare], 'row')}) and '{common}' ({counted(counts[common], 'row')}) look "
                "like the same label.",
                f"Change '{rare}' to '{common}' if it is misspelt.",
                _rows_with(rare, distribution),
                excerpt=rare,
            )


def missing(distribution: LabelDistribution) -> Iterator[Finding]:
    """Report labels that are missing values written as text, such as `nan`."""
    for label in distribution.schema.labels:
        found = _rows_with(label, distribution) if is_missing_value(label) else []
        if found:
            yield label_finding(
                Severity.WARNING,
                "MISSING_VALUE_AS_LABEL",
                f"'{label}' ({counted(distribution.label_counts[label], 'row')}) is read as a label, but usually "
                "stands for a missing value.",
                "Write the right label or remove these rows; if it is a label of its own, give it a name such as "
                "'Other'.",
                found,
                excerpt=label,
            )


def _rows_with(label: str, distribution: LabelDistribution) -> Sequence[LabelledOutput]:
    return [output for output in distribution.outputs if label in output.labels]


def _shown(label: str, reason: str) -> str:
    """Return a label so that a reader sees in what it differs from another one."""
    return visible(label) if any(word in reason for word in _MARKED_DIFFERENCES) else label
