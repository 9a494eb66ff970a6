"""Decoding of the policies of spaces and their verdicts."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.client import policy_resources as resources
from foreword.domain.deploy_policy import VerdictOutcome
from foreword.v1 import deploy_policy_pb2


def deploy_policy(message: deploy_policy_pb2.DeployPolicy) -> resources.DeployPolicy:
    """Decode a policy."""
    return resources.DeployPolicy(
        metric=message.metric, dataset=message.dataset, margin=message.margin, min_row_count=message.min_row_count
    )


def deploy_verdict(message: deploy_policy_pb2.DeployVerdict) -> resources.DeployVerdict:
    """Decode a verdict."""
    outcomes = deploy_policy_pb2.DeployVerdict.Outcome
    return resources.DeployVerdict(
        outcome=values.member(VerdictOutcome, outcomes, "OUTCOME_", message.outcome),
        policy=deploy_policy(message.policy),
        baseline=message.baseline,
        evaluation=message.evaluation,
        value=values.optional(message, "value"),
        baseline_value=values.optional(message, "baseline_value"),
        difference=values.optional(message, "difference"),
        interval=values.interval(message.interval) if message.HasField("interval") else None,
        row_count=message.row_count,
        explanation=message.explanation,
        force_reason=message.force_reason,
        forced_by=message.forced_by,
    )
