"""The explanation of rollouts whose time has ended before they were decided."""

from __future__ import annotations

from datetime import timedelta

from foreword.domain.canary_decision import describe
from foreword.domain.counted import counted
from foreword.domain.rollout import CanaryPlan, Rollout

_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def expiry_explanation(rollout: Rollout) -> str:
    """Return with which figures the time of a rollout has ended, and what can be done, in sentences."""
    time, figures = time_in_words(rollout.plan.max_duration), rollout.figures
    if rollout.start_time is None:
        return f"It has not passed its probe in {time}. Try it again once its base model can be loaded."
    if isinstance(rollout.plan, CanaryPlan):
        goal = rollout.plan.promote_after_requests
        count = f"{figures.candidate.requests:,}" + (f" of {goal:,}" if goal else "")
        return (
            f"Its time of {time} ended after {count} canary requests: {describe(figures)}. Try it again with a larger "
            "share or for longer, or serve it without a trial."
        )
    shadow = figures.shadow
    return (
        f"Its time of {time} ended after {shadow.compared:,} compared answers, of which {shadow.agreed:,} were the "
        f"same; {shadow.errors:,} failed. Serve it, or try it again."
    )


def time_in_words(time: timedelta) -> str:
    """Return a time span in the largest unit that fits, such as `7 days` or `90 minutes`."""
    for name, unit in _UNITS:
        if time >= unit and not time % unit:
            return counted(time // unit, name)
    return f"{time.total_seconds():g} seconds"
