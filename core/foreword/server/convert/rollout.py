"""Conversion of canaries and shadows."""

from __future__ import annotations

from foreword.domain.rollout import (
    MAX_CANARY_SHARE,
    MAX_LATENCY_RATIO,
    MAX_PROMOTE_AFTER_REQUESTS,
    MIN_PROMOTE_AFTER_REQUESTS,
    CanaryPlan,
    RevisionFigures,
    Rollout,
    ShadowFigures,
    ShadowPlan,
)
from foreword.domain.violations import Violations
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import deployment_service_pb2, rollout_pb2


def rollout(item: Rollout) -> rollout_pb2.Rollout:
    """Convert a rollout to a message."""
    plan = item.plan
    return rollout_pb2.Rollout(
        canary=_canary(plan) if isinstance(plan, CanaryPlan) else None,
        shadow=rollout_pb2.Shadow(share=plan.share) if isinstance(plan, ShadowPlan) else None,
        state=f"STATE_{item.state.name}",
        stable_revision=item.stable_revision,
        candidate_figures=_revision_figures(item.figures.candidate) if isinstance(plan, CanaryPlan) else None,
        stable_figures=_revision_figures(item.figures.stable) if isinstance(plan, CanaryPlan) else None,
        shadow_figures=_shadow_figures(item.figures.shadow) if isinstance(plan, ShadowPlan) else None,
        explanation=item.explanation,
        start_time=None if item.start_time is None else timestamp(item.start_time),
        end_time=None if item.end_time is None else timestamp(item.end_time),
    )


def _canary(plan: CanaryPlan) -> rollout_pb2.Canary:
    return rollout_pb2.Canary(
        share=plan.share,
        max_error_ratio=plan.max_error_ratio,
        max_latency_ratio=plan.max_latency_ratio,
        max_abstention_increase=plan.max_abstention_increase,
        promote_after_requests=plan.promote_after_requests,
    )


def _revision_figures(figures: RevisionFigures) -> rollout_pb2.RevisionFigures:
    return rollout_pb2.RevisionFigures(
        requests=figures.requests,
        errors=figures.errors,
        classifications=figures.classifications,
        abstentions=figures.abstentions,
        median_seconds=figures.median_seconds,
        missed=figures.missed,
        error_reasons=dict(figures.error_reasons),
    )


def _shadow_figures(figures: ShadowFigures) -> rollout_pb2.ShadowFigures:
    return rollout_pb2.ShadowFigures(
        compared=figures.compared, agreed=figures.agreed, errors=figures.errors, shed=figures.shed
    )


def parse_plan(
    violations: Violations, request: deployment_service_pb2.UpdateDeploymentRequest
) -> CanaryPlan | ShadowPlan | None:
    """Parse the rollout of an UpdateDeployment request; None if it has none or it is invalid."""
    kind = request.WhichOneof("rollout")
    if kind is None:
        return None
    if kind == "shadow":
        return ShadowPlan(share=violations.number("shadow.share", request.shadow.share, above=0, maximum=1))
    return _parse_canary(violations, request.canary)


def _parse_canary(violations: Violations, message: rollout_pb2.Canary) -> CanaryPlan:
    ranges = {
        "max_error_ratio": (0.0, 1.0),
        "max_latency_ratio": (1.0, MAX_LATENCY_RATIO),
        "max_abstention_increase": (0.0, 1.0),
    }
    limits = {
        name: violations.number(f"canary.{name}", getattr(message, name), minimum=minimum, maximum=maximum)
        for name, (minimum, maximum) in ranges.items()
        if message.HasField(name)
    }
    share = violations.number("canary.share", message.share, above=0, maximum=MAX_CANARY_SHARE)
    if not message.HasField("promote_after_requests"):
        return CanaryPlan(share=share, **limits)
    after = message.promote_after_requests
    if after:
        violations.number(
            "canary.promote_after_requests",
            after,
            minimum=MIN_PROMOTE_AFTER_REQUESTS,
            maximum=MAX_PROMOTE_AFTER_REQUESTS,
        )
    return CanaryPlan(share=share, promote_after_requests=after, **limits)
