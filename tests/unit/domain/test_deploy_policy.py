"""Which figures meet the policy of a space."""

from __future__ import annotations

import pytest

from foreword.domain.deploy_policy import DeployPolicy, PolicyFigures, in_words, policy_figures, shortfall
from foreword.domain.evaluation import EvaluationResults, SystemDifference
from foreword.domain.report import Interval, SystemEvaluation


def policy(**fields) -> DeployPolicy:
    return DeployPolicy(**{"metric": "micro_f1", "dataset": "rows", "margin": 0.0, "min_row_count": 30, **fields})


def figures(lower: float | None, upper: float = 0.1, row_count: int = 200) -> PolicyFigures:
    interval = None if lower is None else Interval(lower=lower, upper=upper)
    return PolicyFigures(value=0.7, baseline_value=0.6, difference=0.1, interval=interval, row_count=row_count)


def results(reference: str, metric: str = "micro_f1") -> EvaluationResults:
    """Two systems, of which `old` has the value 0.6 and `new` the value 0.7; `reference` is the first."""
    other = "old" if reference == "new" else "new"
    sign = 1 if other == "new" else -1
    ends = sorted((sign * 0.02, sign * 0.15))
    values = {"old": 0.6, "new": 0.7}
    return EvaluationResults(
        systems=tuple(
            SystemEvaluation(system=id, metrics={metric: values[id]}, main_metric=metric, row_count=200)
            for id in (reference, other)
        ),
        differences=(
            SystemDifference(
                system=other,
                reference=reference,
                metric=metric,
                difference=sign * 0.1,
                interval=Interval(lower=ends[0], upper=ends[1]),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("margin", "lower", "met"), [(0.0, 0.0, True), (0.0, -0.01, False), (-0.02, -0.01, True), (0.05, 0.04, False)]
)
def test_the_lower_end_of_the_interval_decides(margin: float, lower: float, met: bool) -> None:
    assert (shortfall(policy(margin=margin), figures(lower)) == "") is met


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        (figures(0.05, row_count=29), "larger dataset"),
        (figures(None), "more rows"),
        (figures(-0.1, upper=-0.05), "better model"),
        (figures(-0.1, upper=0.2), "which these rows do not show"),
    ],
)
def test_a_shortfall_states_its_remedy(found: PolicyFigures, remedy: str) -> None:
    assert remedy in shortfall(policy(), found)


@pytest.mark.parametrize("reference", ["old", "new"])
def test_a_difference_is_positive_if_the_model_is_better_whichever_system_is_the_first(reference: str) -> None:
    found = policy_figures(policy(), results(reference), "new", "old")

    assert found is not None
    assert (found.value, found.baseline_value, found.difference) == (0.7, 0.6, 0.1)
    assert found.interval == Interval(lower=0.02, upper=0.15)
    words = in_words(policy(), found, "complaints")
    assert "0.700, that of the baseline complaints 0.600" in words
    assert "between +0.020 and +0.150" in words


def test_less_is_better_for_some_metrics() -> None:
    lower_is_better = policy(metric="perplexity", higher_is_better=False)

    found = policy_figures(lower_is_better, results("old", "perplexity"), "old", "new")

    assert found is not None
    assert found.difference == 0.1
    assert found.interval == Interval(lower=0.02, upper=0.15)


def test_an_evaluation_without_the_metric_has_no_figures() -> None:
    assert policy_figures(policy(metric="chrf"), results("old"), "new", "old") is None
