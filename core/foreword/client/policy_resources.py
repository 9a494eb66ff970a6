"""The policies of spaces and their verdicts as the client takes and returns them."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.client.reference import Reference
from foreword.domain.deploy_policy import VerdictOutcome
from foreword.domain.report import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPolicy:
    """The condition that a model must meet before it is deployed in a space.

    The model is compared with the model that the deployment serves, or else with its base model without examples. The
    policy is met if the lower end of the 95 % interval of the difference is at least `margin`.

    Attributes:
        metric: Id of the metric, such as `micro_f1`.
        dataset: The dataset with the labelled rows of the evaluation.
        margin: Least difference in the unit of the metric, positive if the model is better. Negative: how much worse
            the model may be.
        min_row_count: Minimum number of evaluated rows. Default 0: 30, or all rows of a smaller dataset.
    """

    metric: str
    dataset: Reference
    margin: float = 0.0
    min_row_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployVerdict:
    """Why a model was accepted in a space with a policy.

    Attributes:
        policy: The policy at that time.
        baseline: Resource name of the model that it was compared with.
        evaluation: Resource name of the evaluation that decided; empty if a forced model was not evaluated.
        value: Value of the metric for the model; None without an evaluation that has the metric.
        baseline_value: Value of the metric for the baseline.
        difference: How much better the model is; negative if it is worse.
        interval: 95 % interval of the difference; None if it is unknown.
        row_count: Number of evaluated rows.
        explanation: The verdict in words.
        force_reason: Why an administrator has forced the deployment; empty if it was not forced.
        forced_by: Id of the key, token or certificate that forced it.
    """

    outcome: VerdictOutcome
    policy: DeployPolicy
    baseline: str
    evaluation: str
    value: float | None
    baseline_value: float | None
    difference: float | None
    interval: Interval | None
    row_count: int
    explanation: str
    force_reason: str
    forced_by: str
