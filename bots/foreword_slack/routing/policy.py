"""How sure the model must be, for which department."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foreword_slack.routing.decision import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentRule:
    """Where a label leads, and the least probability for it to lead there. `title` is the department's name."""

    label: str
    title: str
    channel: str
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingPolicy:
    """The rules of one workspace.

    Attributes:
        departments: By label, in the order in which they are offered to people.
        margin: Least distance between the likeliest label set and the next.
        abstain_below: Least probability of the likeliest label set.
    """

    departments: Mapping[str, DepartmentRule]
    margin: float = 0.0
    abstain_below: float = 0.0

    def targets(self, labels: tuple[str, ...]) -> tuple[Target, ...]:
        """The departments that people chose, in the order of the policy; labels without one are left out."""
        return tuple(
            Target(label=rule.label, channel=rule.channel) for rule in self.departments.values() if rule.label in labels
        )

    def title(self, label: str) -> str:
        """The department's name; the label itself where there is none."""
        rule = self.departments.get(label)
        return rule.title if rule else label
