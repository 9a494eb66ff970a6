"""The plan of a sweep, from the plans of its trials."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.domain.experiment import TunePlan
from foreword.domain.halving import make_rungs, share_of_epochs
from foreword.domain.report import Finding
from foreword.domain.report_limits import MAX_WARNINGS_BYTES, limit_findings
from foreword.domain.sweep import SweepPlan


def plan_sweep(plans: Sequence[TunePlan], *, halving: bool) -> SweepPlan:
    """Return the plan of a sweep.

    Updates and time are those of all trials, times the share of the epochs that halving lets them make.

    Args:
        plans: The plans of all trials; at least two.
        halving: Whether weak trials are stopped early.
    """
    num_epochs = max(plan.parameters.num_epochs for plan in plans)
    rungs = make_rungs(len(plans), num_epochs) if halving else ()
    share = share_of_epochs(rungs, len(plans), num_epochs)
    is_known = all(plan.estimated_seconds for plan in plans)
    return SweepPlan(
        trial_count=len(plans),
        validation_row_count=plans[0].validation_row_count,
        rungs=rungs,
        planned_updates=round(share * sum(plan.planned_updates for plan in plans)),
        estimated_seconds=share * sum(plan.estimated_seconds for plan in plans) if is_known else 0.0,
        warnings=_warnings(plans),
    )


def _warnings(plans: Sequence[TunePlan]) -> tuple[Finding, ...]:
    """Return the warnings of all trials, each once and the most severe first."""
    found: dict[tuple[str, str], Finding] = {}
    for plan in plans:
        for warning in plan.warnings:
            found.setdefault((warning.code, warning.message), warning)
    return limit_findings(sorted(found.values(), key=lambda warning: -warning.severity), MAX_WARNINGS_BYTES)[0]
