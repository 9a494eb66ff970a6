"""The routing rules: departments and thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foreword_slack.routing.decision import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentRule:
    """The channel of a label and its minimum probability. `title` is the department's name."""

    label: str
    title: str
    channel: str
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingPolicy:
    """The rules of one workspace.

    Attributes:
        departments: Rules by label, in the order in which people see them.
        margin: Minimum difference in probability between the likeliest label set and the next.
        abstain_below: Minimum probability of the likeliest label set.
        min_precision: Wanted share of right answers among those that notify departments; 0 for none.
    """

    departments: Mapping[str, DepartmentRule]
    margin: float = 0.0
    abstain_below: float = 0.0
    min_precision: float = 0.0

    def targets(self, labels: tuple[str, ...]) -> tuple[Target, ...]:
        """Return the departments that people chose, in the order of the policy; unknown labels are left out."""
        return tuple(
            Target(label=rule.label, channel=rule.channel) for rule in self.departments.values() if rule.label in labels
        )

    def title(self, label: str) -> str:
        """Return the name of a label's department, or the label if it has none."""
        rule = self.departments.get(label)
        return rule.title if rule else label
