"""Events about deployments: verdicts of the deploy gate, ends of rollouts, rollbacks, and drift."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.orm import Session

from foreword.domain.deploy_policy import DeployPolicy, DeployVerdict, PolicyFigures, VerdictOutcome
from foreword.domain.drift import DriftReport, DriftVerdict
from foreword.domain.events import Event, EventKind
from foreword.domain.model_reference import ModelReference, model_name
from foreword.domain.rollout import CanaryPlan, Rollout, RolloutState
from foreword.domain.rollout_figures import RevisionFigures
from foreword.names import DatasetName, DeploymentName, EvaluationName
from foreword.storage.events.outbox import publish
from foreword.storage.tables import DeploymentRow, RevisionRow

_VERDICTS: Final = {
    VerdictOutcome.PASSED: EventKind.DEPLOY_GATE_PASSED,
    VerdictOutcome.FORCED: EventKind.DEPLOY_GATE_FORCED,
}
_ROLLOUTS: Final = {
    RolloutState.PROMOTED: EventKind.ROLLOUT_PROMOTED,
    RolloutState.ROLLED_BACK: EventKind.ROLLOUT_ROLLED_BACK,
    RolloutState.EXPIRED: EventKind.ROLLOUT_EXPIRED,
}


def publish_verdict(
    session: Session, row: DeploymentRow, revision: int, model: ModelReference, verdict: DeployVerdict, now: datetime
) -> None:
    """Publish that the policy of a space has accepted a model, or that an administrator has forced it."""
    data = _verdict(row.tenant, verdict.policy, model, verdict.baseline, verdict.evaluation, verdict.figures)
    if verdict.outcome is VerdictOutcome.FORCED:
        data["forced_by"] = verdict.forced_by
    _publish(session, row, _VERDICTS[verdict.outcome], {"revision": revision, **data}, now)


def refusal_event(
    tenant: str,
    space: str,
    resource: str,
    *,
    policy: DeployPolicy,
    model: ModelReference,
    baseline: ModelReference,
    evaluation: str | None,
    figures: PolicyFigures | None,
) -> Event:
    """Return the event that the policy of a space has refused a model.

    Args:
        resource: Name of the deployment, or of the space if the deployment would have been a new one.
    """
    data = _verdict(tenant, policy, model, baseline, evaluation, figures)
    return Event(kind=EventKind.DEPLOY_GATE_REFUSED, resource=resource, space=space, data=data)


def publish_rollout_end(
    session: Session, row: DeploymentRow, revision: RevisionRow, rollout: Rollout, now: datetime
) -> None:
    """Publish that a canary or a shadow has ended. One that was replaced has no event."""
    kind = _ROLLOUTS.get(rollout.state)
    if kind is None:
        return
    figures = rollout.figures
    is_canary = isinstance(rollout.plan, CanaryPlan)
    data: dict[str, Any] = {
        "rollout": "canary" if is_canary else "shadow",
        "state": rollout.state.name,
        "share": rollout.plan.share,
        "revision": revision.number,
        "stable_revision": rollout.stable_revision,
        "explanation": rollout.explanation,
    }
    if is_canary:
        data |= {"candidate": _figures(figures.candidate), "stable": _figures(figures.stable)}
    else:
        shadow = figures.shadow
        data["comparison"] = {"compared": shadow.compared, "agreed": shadow.agreed, "errors": shadow.errors}
    _publish(session, row, kind, data, now)


def publish_rollback(session: Session, row: DeploymentRow, from_revision: int, now: datetime) -> None:
    """Publish that a deployment was rolled back to the revision that it serves now."""
    data = {"from_revision": from_revision, "to_revision": row.serving_revision}
    _publish(session, row, EventKind.DEPLOYMENT_ROLLED_BACK, data, now)


def publish_drift(session: Session, row: DeploymentRow, report: DriftReport, now: datetime) -> None:
    """Publish that the requests of a deployment have drifted."""
    data = {
        "model": report.model,
        "requests": report.request_count,
        "measures": [
            {"measure": item.kind.value, "value": item.value, "tolerance": item.tolerance}
            for item in report.measures
            if item.verdict is DriftVerdict.DRIFTED
        ],
    }
    _publish(session, row, EventKind.DEPLOYMENT_DRIFTED, data, now)


def _publish(session: Session, row: DeploymentRow, kind: EventKind, data: dict[str, Any], now: datetime) -> None:
    resource = str(DeploymentName(row.tenant, row.space, row.id))
    named = {"serving_name": row.serving_name, **data}
    publish(session, row.tenant, Event(kind=kind, resource=resource, space=row.space, data=named), now)


def _verdict(
    tenant: str,
    policy: DeployPolicy,
    model: ModelReference,
    baseline: ModelReference,
    evaluation: str | None,
    figures: PolicyFigures | None,
) -> dict[str, Any]:
    data: dict[str, Any] = {
        "model": model_name(tenant, model),
        "baseline": model_name(tenant, baseline),
        "metric": policy.metric,
        "margin": policy.margin,
        "dataset": str(DatasetName(tenant, policy.dataset)),
        "evaluation": None if evaluation is None else str(EvaluationName(tenant, evaluation)),
    }
    if figures is not None:
        interval = figures.interval
        data |= {
            "value": figures.value,
            "baseline_value": figures.baseline_value,
            "difference": figures.difference,
            "interval": None if interval is None else {"lower": interval.lower, "upper": interval.upper},
            "row_count": figures.row_count,
        }
    return data


def _figures(figures: RevisionFigures) -> dict[str, Any]:
    return {
        "requests": figures.requests,
        "errors": figures.errors,
        "missed": figures.missed,
        "classifications": figures.classifications,
        "abstentions": figures.abstentions,
        "median_seconds": figures.median_seconds,
    }
