"""The policy of a space: the condition that a model must meet before it is deployed, and its verdict on a model.

The verdict is decided by the lower end of the 95 % interval of the difference, not by the difference itself: of models
that are as good as their baseline, the difference alone would accept half. A negative margin makes it the usual test of
non-inferiority, a positive one that of superiority by a margin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from foreword.domain.evaluation import EvaluationResults
from foreword.domain.model_reference import ModelReference
from foreword.domain.report import Interval

DEFAULT_MIN_ROW_COUNT: Final = 30
"""Minimum number of evaluated rows of a policy that sets none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployPolicy:
    """The condition that a model must meet before it is deployed in a space.

    Attributes:
        metric: Id of the metric.
        dataset: Id of the dataset on which models are evaluated.
        margin: Least difference to the baseline in the unit of the metric; positive if the model is better.
        min_row_count: Minimum number of evaluated rows.
        higher_is_better: Whether higher values of the metric are better.
    """

    metric: str
    dataset: str
    margin: float
    min_row_count: int
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFigures:
    """The figures by which a policy is decided.

    Attributes:
        value: Value of the metric for the model.
        baseline_value: Value of the metric for the baseline.
        difference: How much better the model is; negative if it is worse.
        interval: 95 % interval of the difference; None if it is unknown.
        row_count: Number of evaluated rows.
    """

    value: float
    baseline_value: float
    difference: float
    interval: Interval | None
    row_count: int


class VerdictOutcome(Enum):
    """Why a model was accepted in a space with a policy."""

    PASSED = "passed"
    FORCED = "forced"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployVerdict:
    """Why a model was accepted in a space with a policy.

    Attributes:
        policy: The policy at that time.
        baseline: The model that it was compared with.
        evaluation: Id of the evaluation that decided; None if a forced model was not evaluated.
        figures: None without an evaluation that has the metric.
        explanation: The verdict in words.
        force_reason: Why an administrator has forced the deployment; empty unless it was forced.
        forced_by: Id of the key, token or certificate that forced it; empty for the development key, and if nobody did.
    """

    outcome: VerdictOutcome
    policy: DeployPolicy
    baseline: ModelReference
    evaluation: str | None
    figures: PolicyFigures | None
    explanation: str
    force_reason: str = ""
    forced_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """That a model may be deployed, decided before the transaction that deploys it.

    Attributes:
        policy: The policy of the space when it was decided; None if it had none.
        serving: The model that the deployment served then; None if it served none, or if there is no policy.
        verdict: The verdict of the policy; None if it was not checked.
        is_known: Whether it was not checked because the deployment served the model already or was about to. Such an
            admission covers no new revision.
    """

    policy: DeployPolicy | None = None
    serving: ModelReference | None = None
    verdict: DeployVerdict | None = None
    is_known: bool = False


NO_POLICY = Admission()
"""The admission of any model in a space without a policy."""


def policy_figures(policy: DeployPolicy, results: EvaluationResults, model: str, baseline: str) -> PolicyFigures | None:
    """Return the figures of two systems of an evaluation; None if it does not compare them by the metric.

    Args:
        model: Id of the system to accept.
        baseline: Id of the system that it is compared with. One of the two is the first system.
    """
    systems = {system.system: system for system in results.systems}
    if policy.metric not in systems[model].metrics or policy.metric not in systems[baseline].metrics:
        return None
    ends = {(model, baseline): 1, (baseline, model): -1}
    for item in results.differences:
        sign = ends.get((item.system, item.reference))
        if sign is None or item.metric != policy.metric:
            continue
        if not policy.higher_is_better:
            sign = -sign
        return PolicyFigures(
            value=systems[model].metrics[policy.metric],
            baseline_value=systems[baseline].metrics[policy.metric],
            difference=sign * item.difference,
            interval=None if item.interval is None else _turned(item.interval, sign),
            row_count=systems[model].row_count,
        )
    return None


def shortfall(policy: DeployPolicy, figures: PolicyFigures) -> str:
    """Return how the figures miss a policy, and the remedy, as sentences; empty if they meet it."""
    if figures.row_count < policy.min_row_count:
        return (
            f"The policy needs at least {policy.min_row_count:,} evaluated rows. Ask an administrator for a policy "
            "with a larger dataset."
        )
    interval = figures.interval
    if interval is None:
        return "How sure the difference is cannot be told from these rows. Evaluate on more rows."
    if interval.lower >= policy.margin:
        return ""
    if interval.upper < policy.margin:
        return f"The policy needs {policy.margin:+.3g} or more. Deploy a better model."
    return (
        f"The policy needs {policy.margin:+.3g} or more even at the lower end, which these rows do not show. Deploy a "
        "better model, or ask an administrator for a policy with more rows or another margin."
    )


def in_words(policy: DeployPolicy, figures: PolicyFigures, baseline: str) -> str:
    """Return the figures as a clause, such as `micro_f1 is 0.720, that of the baseline complaints-1 0.660: ...`.

    Args:
        baseline: Name of the baseline for humans.
    """
    interval = figures.interval
    between = "" if interval is None else f", between {interval.lower:+.3f} and {interval.upper:+.3f} with 95 %"
    better = "" if policy.higher_is_better else " (lower is better)"
    return (
        f"{policy.metric}{better} is {figures.value:.3f}, that of the baseline {baseline} "
        f"{figures.baseline_value:.3f}: a difference of {figures.difference:+.3f}{between}, on "
        f"{figures.row_count:,} rows"
    )


def _turned(interval: Interval, sign: int) -> Interval:
    if sign > 0:
        return interval
    return Interval(lower=-interval.upper, upper=-interval.lower)
