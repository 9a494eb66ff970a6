"""The plan of a sweep, from the plans of its trials."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.domain.experiment import TunePlan
from foreword.domain.halving import Rung, expected_epochs, make_rungs
from foreword.domain.report import Finding
from foreword.domain.report_limits import MAX_WARNINGS_BYTES, limit_findings
from foreword.domain.sweep import SweepPlan
from foreword.tuning.schedule import updates_per_epoch


def plan_sweep(plans: Sequence[TunePlan], *, halving: bool, main_metric: str) -> SweepPlan:
    """Return the plan of a sweep.

    Updates and time are those of all trials, with the epochs that halving lets them make on average; only those that
    it keeps are refitted.

    Args:
        plans: The plans of all trials; at least two.
        halving: Whether weak trials are stopped early.
        main_metric: Id of the task's main metric.
    """
    rungs = make_rungs(len(plans), max(plan.parameters.num_epochs for plan in plans)) if halving else ()
    is_known = all(plan.estimated_seconds for plan in plans)
    updates = [_expected_updates(plan, rungs, len(plans)) for plan in plans]
    seconds = (
        plan.estimated_seconds * made / max(1, plan.planned_updates) for plan, made in zip(plans, updates, strict=True)
    )
    return SweepPlan(
        trial_count=len(plans),
        validation_row_count=plans[0].validation_row_count,
        rungs=rungs,
        planned_updates=round(sum(updates)),
        estimated_seconds=sum(seconds) if is_known else 0.0,
        warnings=_warnings(plans),
        main_metric=main_metric,
    )


def _expected_updates(plan: TunePlan, rungs: Sequence[Rung], num_trials: int) -> float:
    """Return how many updates a trial makes on average."""
    parameters = plan.parameters
    in_epoch = updates_per_epoch(plan.training_row_count, parameters.batch_size, parameters.accumulate_steps)
    refit = max(0, plan.planned_updates - in_epoch * parameters.num_epochs)
    kept = rungs[-1].keep / num_trials if rungs else 1.0
    return in_epoch * expected_epochs(rungs, num_trials, parameters.num_epochs) + refit * kept


def _warnings(plans: Sequence[TunePlan]) -> tuple[Finding, ...]:
    """Return the warnings of all trials, each once and the most severe first."""
    found: dict[tuple[str, str], Finding] = {}
    for plan in plans:
        for warning in plan.warnings:
            found.setdefault((warning.code, warning.message), warning)
    return limit_findings(sorted(found.values(), key=lambda warning: -warning.severity), MAX_WARNINGS_BYTES)[0]
