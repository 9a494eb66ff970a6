"""Encoding of the policies of spaces."""

from __future__ import annotations

from foreword.client.message import build
from foreword.client.policy_resources import DeployPolicy
from foreword.client.reference import Reference
from foreword.v1 import deploy_policy_pb2, deployment_pb2


def set_policy(space: deployment_pb2.Space, policy: DeployPolicy | None) -> dict[str, tuple[Reference, str]]:
    """Set the policy of a space; None leaves it unset.

    Returns:
        The references to the resources that the policy names, by the path of the field for the name.

    Raises:
        InvalidArgumentError: A value cannot be sent.
    """
    if policy is None:
        return {}
    space.policy.CopyFrom(
        build(
            deploy_policy_pb2.DeployPolicy,
            "space.policy",
            metric=policy.metric,
            margin=policy.margin,
            min_row_count=policy.min_row_count,
        )
    )
    return {"space.policy.dataset": (policy.dataset, "datasets")}
