"""Rollouts as the client returns them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from foreword.domain.rollout import RolloutState
from foreword.domain.rollout_figures import ShadowFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A share of the requests that a new revision answers, and the limits that it must keep.

    Unset limits have the defaults of the service.

    Attributes:
        share: Share of the requests. Range (0, 0.9].
        max_error_ratio: Limit of the share of its requests that it fails on although the stable revision can answer
            them, and of the share of its callers who wait in vain beyond that of the stable revision. Range [0, 1];
            default 0.02.
        max_latency_ratio: Limit of its median latency as a multiple of that of the stable revision. Range [1, 1000];
            default 1.5.
        max_abstention_increase: Limit of the share of its answers to `classify` that abstain, minus that of the stable
            revision. Range [0, 1]; default 0.1.
        promote_after_requests: Number of canary requests after which it is promoted if no figure is above its limit.
            Range [50, 1000000], or 0 to promote it only by `promote_deployment`; default 500.
        max_duration: Time after which it ends in any case, counted from its first share, or from the creation of the
            revision while it is being probed. Range [1 minute, 90 days]; default 7 days.
    """

    share: float
    max_error_ratio: float | None = None
    max_latency_ratio: float | None = None
    max_abstention_increase: float | None = None
    promote_after_requests: int | None = None
    max_duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A share of the requests that a new revision answers as well, for comparison only.

    Attributes:
        share: Share of the requests. Range (0, 1].
        max_duration: Time after which it ends in any case, as that of a canary. Range [1 minute, 90 days]; default 7
            days.
    """

    share: float
    max_duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFigures:
    """Figures of the requests of one revision during a canary.

    Attributes:
        requests: Number of requests.
        errors: Number of those that it failed on although the stable revision could answer them.
        classifications: Number of answers to `classify`.
        abstentions: Number of those that abstained.
        median_seconds: Median time until the complete answer, at most 5 % off; None without answers.
        missed: Number of requests whose callers left, or met their deadlines, while they waited for an answer of either
            revision.
        error_reasons: Number of errors by their reason, at most eight and `OTHER`; `DEADLINE_EXCEEDED` if the stable
            revision, which began later, was first to answer.
    """

    requests: int
    errors: int
    classifications: int
    abstentions: int
    median_seconds: float | None
    missed: int
    error_reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How a new revision gets traffic before it is served.

    Attributes:
        plan: The canary, with all limits, or the shadow.
        stable_revision: Number of the revision that was served when it began to run; 0 before.
        candidate_figures: Requests of the new revision; None for a shadow.
        stable_figures: Requests of the stable revision meanwhile, without those that the new revision failed on; None
            for a shadow.
        shadow_figures: Comparisons of a shadow; None for a canary.
        explanation: Why it ended, with the figures; empty until then.
        start_time: When the revision got its first share; None before.
        end_time: When it ended; None until then.
        expire_time: When it ends at the latest.
    """

    plan: Canary | Shadow
    state: RolloutState
    stable_revision: int
    candidate_figures: RevisionFigures | None
    stable_figures: RevisionFigures | None
    shadow_figures: ShadowFigures | None
    explanation: str
    start_time: datetime | None
    end_time: datetime | None
    expire_time: datetime | None
