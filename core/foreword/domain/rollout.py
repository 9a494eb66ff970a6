"""Rollouts: a new revision that gets a share of the traffic before it is served, as a canary or as a shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from foreword.domain.rollout_figures import RolloutFigures

MAX_CANARY_SHARE = 0.9
"""Largest share of a canary. The rest is what it is compared with."""
MIN_PROMOTE_AFTER_REQUESTS = 50
MAX_PROMOTE_AFTER_REQUESTS = 1_000_000
MAX_LATENCY_RATIO = 1000.0
DEFAULT_MAX_DURATION = timedelta(days=7)
MIN_MAX_DURATION = timedelta(minutes=1)
MAX_MAX_DURATION = timedelta(days=90)


class RolloutState(Enum):
    """State of a rollout: WAITING -> RUNNING -> PROMOTED | ROLLED_BACK | REPLACED | EXPIRED.

    It may also end while it waits.
    """

    WAITING = "waiting"
    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    REPLACED = "replaced"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Whether the state is final."""
        return self not in (RolloutState.WAITING, RolloutState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryPlan:
    """A share of the requests that the new revision answers, and the limits that it must keep.

    Attributes:
        share: Share of the requests. Range (0, 0.9].
        max_error_ratio: Limit of the share of its requests that it cannot answer. Range [0, 1].
        max_latency_ratio: Limit of its median latency as a multiple of that of the stable revision. Range [1, 1000].
        max_abstention_increase: Limit of its share of abstentions minus that of the stable revision. Range [0, 1].
        promote_after_requests: Requests after which it is promoted if its figures keep the limits; 0 for never.
        max_duration: Time after which it ends in any case. Range [1 minute, 90 days].
    """

    share: float
    max_error_ratio: float = 0.02
    max_latency_ratio: float = 1.5
    max_abstention_increase: float = 0.1
    promote_after_requests: int = 500
    max_duration: timedelta = DEFAULT_MAX_DURATION


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPlan:
    """A share of the requests that the new revision answers as well, for comparison only.

    Attributes:
        share: Share of the requests. Range (0, 1].
        max_duration: Time after which it ends in any case. Range [1 minute, 90 days].
    """

    share: float
    max_duration: timedelta = DEFAULT_MAX_DURATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """The rollout of a revision.

    Attributes:
        stable_revision: Number of the revision that was served when the rollout began to run; 0 before.
        explanation: Why it ended, with the figures; empty until then.
        start_time: When it began to run, after the probe; None before.
        end_time: When it ended; None until then.
        counted: Number of the last batch of figures of each server that `figures` contains.
    """

    plan: CanaryPlan | ShadowPlan
    state: RolloutState = RolloutState.WAITING
    stable_revision: int = 0
    figures: RolloutFigures = field(default_factory=RolloutFigures)
    explanation: str = ""
    start_time: datetime | None = None
    end_time: datetime | None = None
    counted: Mapping[str, int] = field(default_factory=dict)

    def expire_time(self, create_time: datetime) -> datetime:
        """Return when it ends at the latest.

        Args:
            create_time: When its revision was created. The time for its probe is limited likewise.
        """
        return (self.start_time or create_time) + self.plan.max_duration
