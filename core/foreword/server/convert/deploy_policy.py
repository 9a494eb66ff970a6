"""Conversion of the policies of spaces and their verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from foreword.domain.deploy_policy import DeployPolicy, DeployVerdict
from foreword.domain.evaluation import MAX_EVALUATED_ROWS
from foreword.domain.model_reference import model_name
from foreword.domain.violations import Violations
from foreword.names import DatasetName, EvaluationName
from foreword.server.convert.report import interval
from foreword.v1 import deploy_policy_pb2

_MAX_METRIC: Final = 100
_MAX_MARGIN: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedPolicy:
    """A parsed policy, before its dataset is looked up. `min_row_count` is 0 for the default."""

    metric: str
    dataset: DatasetName
    margin: float
    min_row_count: int


def parse_policy(violations: Violations, field: str, message: deploy_policy_pb2.DeployPolicy) -> RequestedPolicy | None:
    """Parse a policy; None if its dataset is not a name.

    Args:
        field: Path of the policy in its request.
    """
    dataset = violations.collect(lambda: DatasetName.parse(message.dataset, f"{field}.dataset"))
    metric = violations.text(f"{field}.metric", message.metric, _MAX_METRIC, required=True)
    margin = violations.number(f"{field}.margin", message.margin, minimum=-_MAX_MARGIN, maximum=_MAX_MARGIN)
    rows = violations.number(f"{field}.min_row_count", message.min_row_count, minimum=0, maximum=MAX_EVALUATED_ROWS)
    if dataset is None:
        return None
    return RequestedPolicy(metric=metric, dataset=dataset, margin=margin, min_row_count=rows)


def deploy_policy(tenant: str, item: DeployPolicy) -> deploy_policy_pb2.DeployPolicy:
    """Convert a policy to a message."""
    return deploy_policy_pb2.DeployPolicy(
        metric=item.metric,
        margin=item.margin,
        dataset=str(DatasetName(tenant, item.dataset)),
        min_row_count=item.min_row_count,
    )


def deploy_verdict(tenant: str, item: DeployVerdict) -> deploy_policy_pb2.DeployVerdict:
    """Convert a verdict to a message."""
    message = deploy_policy_pb2.DeployVerdict(
        outcome=f"OUTCOME_{item.outcome.name}",
        policy=deploy_policy(tenant, item.policy),
        baseline=model_name(tenant, item.baseline),
        evaluation="" if item.evaluation is None else str(EvaluationName(tenant, item.evaluation)),
        explanation=item.explanation,
        force_reason=item.force_reason,
        forced_by=item.forced_by,
    )
    figures = item.figures
    if figures is not None:
        message.value = figures.value
        message.baseline_value = figures.baseline_value
        message.difference = figures.difference
        message.row_count = figures.row_count
        if figures.interval is not None:
            message.interval.CopyFrom(interval(figures.interval))
    return message
