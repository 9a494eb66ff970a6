"""Single labels that crowd out combinations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from foreword.domain.report import MAX_ROWS_PER_FINDING, Finding, Severity
from foreword_tasks.label_distribution import LabelDistribution

# A model answers with the likelier of "A" and "A, B"; where "A" alone is half as frequent again, it wins whenever the
# text leaves room for doubt. Below that the two are close to even.
_CROWDING_RATIO = 1.5
_MIN_SURPLUS = 3
# A combination matters if it comes up more than once or twice, and is usual company for the rarest of its labels: one
# that is an exception anyway is a rare label set, not a crowded-out one.
_MIN_COMBINATION_ROWS = 3
_MIN_COMPANY_SHARE = 0.1
_LISTED = 5


def crowding(distribution: LabelDistribution) -> Iterator[Finding]:
    """One warning for each label that often stands alone where a combination with it should be learnt too."""
    combinations: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for labels in distribution.set_counts:
        for label in labels if len(labels) > 1 else ():
            combinations[label].append(labels)
    for label in distribution.schema.labels:
        alone = distribution.alone(label)
        crowded = [labels for labels in combinations[label] if _outnumbers(alone, distribution.set_counts[labels])]
        if any(_usual(labels, distribution) for labels in crowded):
            yield _warning(label, crowded, distribution)


def _outnumbers(alone: int, together: int) -> bool:
    return (
        together >= _MIN_COMBINATION_ROWS and alone >= _CROWDING_RATIO * together and alone - together >= _MIN_SURPLUS
    )


def _usual(labels: tuple[str, ...], distribution: LabelDistribution) -> bool:
    rarest = min(distribution.label_counts[label] for label in labels)
    return distribution.set_counts[labels] >= _MIN_COMPANY_SHARE * rarest


def _warning(label: str, crowded: list[tuple[str, ...]], distribution: LabelDistribution) -> Finding:
    counts = distribution.set_counts
    alone = distribution.alone(label)
    crowded = sorted(crowded, key=lambda labels: (counts[labels], labels))
    against = " and ".join(f"{counts[labels]} '{distribution.text(labels)}'" for labels in crowded[:_LISTED])
    more = f" and {len(crowded) - _LISTED} more combinations" if len(crowded) > _LISTED else ""
    missing = alone - counts[crowded[0]]
    return Finding(
        severity=Severity.WARNING,
        code="LABEL_CROWDS_OUT",
        message=f"{alone} rows have '{label}' alone, against {against}{more}: "
        f"the model will tend to answer '{label}' where a combination is due.",
        remedy=f"Add rows for the combinations (about {missing} for '{distribution.text(crowded[0])}'), "
        f"or check which of the rows with '{label}' alone should have another label too.",
        rows=tuple(distribution.numbers((label,))[:MAX_ROWS_PER_FINDING]),
        row_count=alone,
        column="output",
        excerpt=label,
    )
