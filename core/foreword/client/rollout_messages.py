"""Encoding and decoding of rollouts."""

from __future__ import annotations

from typing import Any

from foreword.client import decode_values as values
from foreword.client.message import build
from foreword.client.rollout_resources import Canary, RevisionFigures, Rollout, Shadow
from foreword.domain.rollout import RolloutState
from foreword.domain.rollout_figures import ShadowFigures
from foreword.errors import InvalidArgumentError
from foreword.v1 import rollout_pb2


def encode_rollout(plan: Canary | Shadow | None) -> dict[str, Any]:
    """Return the field of an UpdateDeploymentRequest; none without a plan.

    Raises:
        InvalidArgumentError: The plan is neither a Canary nor a Shadow, or a value cannot be sent.
    """
    if plan is None:
        return {}
    if isinstance(plan, Shadow):
        return {"shadow": build(rollout_pb2.Shadow, "shadow", share=plan.share, max_duration=plan.max_duration)}
    if isinstance(plan, Canary):
        names = rollout_pb2.Canary.DESCRIPTOR.fields_by_name
        return {"canary": build(rollout_pb2.Canary, "canary", **{name: getattr(plan, name) for name in names})}
    raise InvalidArgumentError.of("rollout", f"must be a Canary or a Shadow, not {type(plan).__name__}")


def decode_rollout(message: rollout_pb2.Rollout) -> Rollout:
    """Decode a rollout."""
    is_shadow = message.HasField("shadow")
    return Rollout(
        plan=_shadow(message.shadow) if is_shadow else _canary(message.canary),
        state=values.member(RolloutState, rollout_pb2.Rollout.State, "STATE_", message.state),
        stable_revision=message.stable_revision,
        candidate_figures=None if is_shadow else _revision_figures(message.candidate_figures),
        stable_figures=None if is_shadow else _revision_figures(message.stable_figures),
        shadow_figures=_shadow_figures(message.shadow_figures) if is_shadow else None,
        explanation=message.explanation,
        start_time=values.time(message, "start_time"),
        end_time=values.time(message, "end_time"),
        expire_time=values.time(message, "expire_time"),
    )


def _canary(message: rollout_pb2.Canary) -> Canary:
    values = {name: getattr(message, name) for name in message.DESCRIPTOR.fields_by_name}
    return Canary(**values | {"max_duration": message.max_duration.ToTimedelta()})


def _shadow(message: rollout_pb2.Shadow) -> Shadow:
    return Shadow(share=message.share, max_duration=message.max_duration.ToTimedelta())


def _revision_figures(message: rollout_pb2.RevisionFigures) -> RevisionFigures:
    return RevisionFigures(
        requests=message.requests,
        errors=message.errors,
        classifications=message.classifications,
        abstentions=message.abstentions,
        median_seconds=message.median_seconds if message.HasField("median_seconds") else None,
        missed=message.missed,
        error_reasons=dict(message.error_reasons),
    )


def _shadow_figures(message: rollout_pb2.ShadowFigures) -> ShadowFigures:
    return ShadowFigures(compared=message.compared, agreed=message.agreed, errors=message.errors, shed=message.shed)
