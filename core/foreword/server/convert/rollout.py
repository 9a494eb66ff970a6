"""Conversion of canaries and shadows."""

from __future__ import annotations

from datetime import datetime, timedelta

from foreword.domain.rollout import (
    DEFAULT_MAX_DURATION,
    MAX_CANARY_SHARE,
    MAX_LATENCY_RATIO,
    MAX_MAX_DURATION,
    MAX_PROMOTE_AFTER_REQUESTS,
    MIN_MAX_DURATION,
    MIN_PROMOTE_AFTER_REQUESTS,
    CanaryPlan,
    Rollout,
    ShadowPlan,
)
from foreword.domain.rollout_figures import RevisionFigures, ShadowFigures
from foreword.domain.violations import Violations
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import deployment_service_pb2, rollout_pb2


def rollout(item: Rollout, create_time: datetime) -> rollout_pb2.Rollout:
    """Convert a rollout to a message.

    Args:
        create_time: When its revision was created.
    """
    plan = item.plan
    return rollout_pb2.Rollout(
        canary=_canary(plan) if isinstance(plan, CanaryPlan) else None,
        shadow=_shadow(plan) if isinstance(plan, ShadowPlan) else None,
        state=f"STATE_{item.state.name}",
        stable_revision=item.stable_revision,
        candidate_figures=_revision_figures(item.figures.candidate) if isinstance(plan, CanaryPlan) else None,
        stable_figures=_revision_figures(item.figures.stable) if isinstance(plan, CanaryPlan) else None,
        shadow_figures=_shadow_figures(item.figures.shadow) if isinstance(plan, ShadowPlan) else None,
        explanation=item.explanation,
        start_time=None if item.start_time is None else timestamp(item.start_time),
        end_time=None if item.end_time is None else timestamp(item.end_time),
        expire_time=timestamp(item.expire_time(create_time)),
    )


def _canary(plan: CanaryPlan) -> rollout_pb2.Canary:
    return rollout_pb2.Canary(
        share=plan.share,
        max_error_ratio=plan.max_error_ratio,
        max_latency_ratio=plan.max_latency_ratio,
        max_abstention_increase=plan.max_abstention_increase,
        promote_after_requests=plan.promote_after_requests,
        max_duration=plan.max_duration,
    )


def _shadow(plan: ShadowPlan) -> rollout_pb2.Shadow:
    return rollout_pb2.Shadow(share=plan.share, max_duration=plan.max_duration)


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
        share = violations.number("shadow.share", request.shadow.share, above=0, maximum=1)
        return ShadowPlan(share=share, max_duration=_parse_max_duration(violations, "shadow", request.shadow))
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
    duration = _parse_max_duration(violations, "canary", message)
    if not message.HasField("promote_after_requests"):
        return CanaryPlan(share=share, max_duration=duration, **limits)
    after = message.promote_after_requests
    if after:
        violations.number(
            "canary.promote_after_requests",
            after,
            minimum=MIN_PROMOTE_AFTER_REQUESTS,
            maximum=MAX_PROMOTE_AFTER_REQUESTS,
        )
    return CanaryPlan(share=share, max_duration=duration, promote_after_requests=after, **limits)


def _parse_max_duration(
    violations: Violations, field: str, message: rollout_pb2.Canary | rollout_pb2.Shadow
) -> timedelta:
    if not message.HasField("max_duration"):
        return DEFAULT_MAX_DURATION
    duration = message.max_duration
    seconds = duration.seconds + duration.nanos / 1e9  # not ToTimedelta, which raises on values that clients can send
    least, most = MIN_MAX_DURATION.total_seconds(), MAX_MAX_DURATION.total_seconds()
    valid = violations.number(f"{field}.max_duration", seconds, minimum=least, maximum=most)
    return timedelta(seconds=valid) if least <= valid <= most else DEFAULT_MAX_DURATION
