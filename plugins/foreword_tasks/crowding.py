"""The check for single labels that crowd out combinations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from foreword.domain.report import Finding, Severity
from foreword_tasks.label_distribution import LabelDistribution

# A model gives the more likely of "A" and "A, B". If "A" alone is 1.5 times as frequent, it wins whenever the text
# is ambiguous; below that ratio the two are nearly equal.
_CROWDING_RATIO = 1.5
_MIN_SURPLUS = 3
# A combination matters if it occurs more than twice and in a notable share of the rows with its rarest label. Otherwise
# it is an exception: a rare label set, not a crowded-out one.
_MIN_COMBINATION_ROWS = 3
_MIN_COMPANY_SHARE = 0.1
_LISTED = 5


def crowding(distribution: LabelDistribution) -> Iterator[Finding]:
    """Yield a warning for each label that is so often alone that its combinations will not be learnt."""
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
        message=f"{alone} rows have only the label '{label}', against {against}{more}. "
        f"The model will tend to answer '{label}' where a combination is correct.",
        remedy=f"Add rows for the combinations (about {missing} for '{distribution.text(crowded[0])}'), "
        f"or add missing labels to rows that have only '{label}'.",
        rows=distribution.numbers((label,)),
        row_count=alone,
        column="output",
        excerpt=label,
    )
