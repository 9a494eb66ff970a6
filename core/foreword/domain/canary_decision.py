"""The decision about a canary: promote it, roll it back, or go on.

A canary is rolled back once its figures prove that it violates a limit. The proof holds at every moment: a revision
that keeps its limits is rolled back with a probability of at most `FALSE_ROLLBACK_PROBABILITY` in the whole rollout,
however often the figures are looked at, if requests are independent. Each of the four proofs gets a quarter of that
probability:

- Errors: the lower bound of the canary's error ratio is above the limit.
- Callers who waited in vain: the lower bound of their share among the canary's requests minus the upper bound of that
  of the stable revision is above the limit of errors. An overload lets the callers of both wait.
- Abstentions: the lower bound of the canary's ratio minus the upper bound of the stable revision's is above the limit.
- Latency: for some latency t, more than half of the canary's requests take longer than t times the limit, and more than
  half of the stable revision's take less than t. The median of the canary is then above the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from foreword.domain.rate_bounds import exceeds, lower_bound, upper_bound
from foreword.domain.rollout import CanaryPlan, RolloutState
from foreword.domain.rollout_figures import RevisionFigures, RolloutFigures, buckets_between

FALSE_ROLLBACK_PROBABILITY = 0.01

_MAX_SHOWN_REASONS = 3
_EACH = FALSE_ROLLBACK_PROBABILITY / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryDecision:
    """A decision: PROMOTED, ROLLED_BACK or RUNNING, and why."""

    state: RolloutState
    explanation: str = ""


def decide(plan: CanaryPlan, figures: RolloutFigures) -> CanaryDecision:
    """Decide about a canary by all of its figures so far."""
    violations = _violations(plan, figures)
    if violations:
        return CanaryDecision(state=RolloutState.ROLLED_BACK, explanation=_sentence(figures, violations))
    if not plan.promote_after_requests or figures.candidate.requests < plan.promote_after_requests:
        return CanaryDecision(state=RolloutState.RUNNING)
    if _above_limits(plan, figures):  # not proven yet: more requests will show it
        return CanaryDecision(state=RolloutState.RUNNING)
    return CanaryDecision(
        state=RolloutState.PROMOTED, explanation=_sentence(figures, [describe(figures), "all limits are kept"])
    )


def _violations(plan: CanaryPlan, figures: RolloutFigures) -> list[str]:
    """Return the limits that are violated beyond doubt, in words."""
    candidate, stable = figures.candidate, figures.stable
    found = []
    if exceeds(candidate.errors, candidate.requests, plan.max_error_ratio, _EACH):
        found.append(f"{_errors(candidate)}, above the limit of {plan.max_error_ratio:.1%}")
    if _misses_too_often(plan, candidate, stable):
        found.append(f"{_missed(candidate, stable)}, above the limit of {plan.max_error_ratio:.1%} more")
    if _abstains_too_often(plan, candidate, stable):
        found.append(f"{_abstentions(candidate, stable)}, above the limit of {plan.max_abstention_increase:.1%} more")
    if _is_too_slow(plan, candidate, stable):
        found.append(f"{_medians(candidate, stable)}, above the limit of {plan.max_latency_ratio:g} times as long")
    return found


def _misses_too_often(plan: CanaryPlan, candidate: RevisionFigures, stable: RevisionFigures) -> bool:
    ours, theirs = (candidate.missed, candidate.requests), (stable.missed, stable.requests)
    return _proven_difference(ours, theirs, plan.max_error_ratio)


def _abstains_too_often(plan: CanaryPlan, candidate: RevisionFigures, stable: RevisionFigures) -> bool:
    ours = (candidate.abstentions, candidate.classifications)
    return _proven_difference(ours, (stable.abstentions, stable.classifications), plan.max_abstention_increase)


def _proven_difference(ours: tuple[int, int], theirs: tuple[int, int], limit: float) -> bool:
    """Return whether our true rate is above theirs by more than the limit, of successes and trials each."""
    if not ours[1] or ours[0] <= limit * ours[1]:
        return False
    return lower_bound(*ours, _EACH / 2) - upper_bound(*theirs, _EACH / 2) > limit


def _is_too_slow(plan: CanaryPlan, candidate: RevisionFigures, stable: RevisionFigures) -> bool:
    ours, theirs = candidate.latency_counts(), stable.latency_counts()
    num_ours, num_theirs = sum(ours), sum(theirs)
    distance = buckets_between(plan.max_latency_ratio)
    each = _EACH / (2 * len(ours))  # every edge of a bucket is tried, for both revisions
    slower = num_ours - sum(ours[: 1 + distance])
    for edge, faster in enumerate(accumulate(theirs[: len(theirs) - distance - 1]), start=1):
        # `faster` requests of the stable revision are in buckets before this edge, and `slower` of the candidate in
        # buckets from `edge + distance` on.
        if exceeds(slower, num_ours, 0.5, each) and exceeds(faster, num_theirs, 0.5, each):
            return True
        slower -= ours[edge + distance]
    return False


def _above_limits(plan: CanaryPlan, figures: RolloutFigures) -> bool:
    """Return whether a figure is above its limit, though perhaps by chance.

    Latencies are compared by their buckets, as in `_is_too_slow`. Otherwise a median between the limit and the next
    bucket would keep a canary from being promoted, and no number of requests could prove that it is too slow.
    """
    candidate, stable = figures.candidate, figures.stable
    ours, theirs = candidate.median_bucket, stable.median_bucket
    return (
        candidate.error_ratio > plan.max_error_ratio
        or candidate.missed_ratio - stable.missed_ratio > plan.max_error_ratio
        or candidate.abstention_ratio - stable.abstention_ratio > plan.max_abstention_increase
        or (ours is not None and theirs is not None and ours - theirs > buckets_between(plan.max_latency_ratio))
    )


def _sentence(figures: RolloutFigures, facts: list[str]) -> str:
    return f"Of {figures.candidate.requests} canary requests, {'; '.join(facts)}."


def describe(figures: RolloutFigures) -> str:
    """Return the figures of a canary as clauses, such as `2 failed (INTERNAL 2); its median latency is ...`."""
    candidate, stable = figures.candidate, figures.stable
    facts = [_errors(candidate)]
    if candidate.missed or stable.missed:
        facts.append(_missed(candidate, stable))
    if candidate.classifications:
        facts.append(_abstentions(candidate, stable))
    if candidate.median_seconds is not None and stable.median_seconds is not None:
        facts.append(_medians(candidate, stable))
    return "; ".join(facts)


def _errors(candidate: RevisionFigures) -> str:
    most = sorted(candidate.error_reasons.items(), key=lambda item: -item[1])[:_MAX_SHOWN_REASONS]
    reasons = ", ".join(f"{reason} {count}" for reason, count in most)
    return f"{candidate.errors} failed ({reasons})" if reasons else f"{candidate.errors} failed"


def _missed(candidate: RevisionFigures, stable: RevisionFigures) -> str:
    return (
        f"{candidate.missed_ratio:.1%} of the callers waited in vain for an answer, and {stable.missed_ratio:.1%} of "
        "those of the revision in service"
    )


def _abstentions(candidate: RevisionFigures, stable: RevisionFigures) -> str:
    return (
        f"it abstained in {candidate.abstention_ratio:.1%} of its classifications and the revision in service in "
        f"{stable.abstention_ratio:.1%}"
    )


def _medians(candidate: RevisionFigures, stable: RevisionFigures) -> str:
    ours, theirs = candidate.median_seconds or 0.0, stable.median_seconds or 0.0
    return f"its median latency is {ours * 1000:.0f} ms and that of the revision in service {theirs * 1000:.0f} ms"
