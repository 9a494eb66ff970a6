from __future__ import annotations

from statistics import median
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.companies import KINDS, SHAPES, assert_equal_to_solo, run_of, solo, tune_together
from factories.examples import examples
from factories.runs import make_parameters, make_rows, make_run
from factories.tiny_models import tiny_model
from foreword.tuning.company.co_tuning import CoTuner, tune
from foreword.tuning.runs.results import TrainResult


def _same_prompts(found: TrainResult, expected: TrainResult) -> bool:
    return torch.equal(*(result.artifact.tensors["prompt_embeddings"] for result in (found, expected)))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_run_of_a_mixed_company_ends_where_it_ends_alone(shape):
    model = tiny_model(shape)
    runs = {kind: run_of(model, kind) for kind in KINDS}
    joining = {runs["factors"]: 2, runs["long prompt"]: 5}

    outcomes = tune_together(CoTuner(model), list(runs.values()), join_at=joining)

    assert sum(len(outcome.reports) > 1 for outcome in outcomes) > 10
    assert not any(outcome.failures for outcome in outcomes)
    assert_equal_to_solo(shape, runs)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=examples(6), deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=3, unique=True),
    joining=st.lists(st.integers(0, 8), min_size=3, max_size=3),
    pass_tokens=st.integers(1, 400),
)
def test_company_changes_no_run_whoever_joins_when_and_however_large_passes_are(shape, kinds, joining, pass_tokens):
    model = tiny_model(shape)
    runs = {kind: run_of(model, kind) for kind in kinds}

    tune_together(
        CoTuner(model, pass_tokens=pass_tokens),
        list(runs.values()),
        join_at=dict(zip(runs.values(), joining, strict=False)),
    )

    assert_equal_to_solo(shape, runs)


def test_the_reports_of_a_run_in_company_are_those_of_the_run_alone():
    model = tiny_model("bart")
    runs = {kind: run_of(model, kind) for kind in KINDS}

    outcomes = tune_together(CoTuner(model), list(runs.values()))

    for kind, run in runs.items():
        found = [report for outcome in outcomes for owner, report in outcome.reports if owner is run]
        alone = solo("bart", kind).reports
        assert [report.loss for report in found] == pytest.approx([report.loss for report in alone], rel=1e-4)
        assert [report.validation_loss or 0.0 for report in found] == pytest.approx(
            [report.validation_loss or 0.0 for report in alone], rel=1e-4
        )
        for name in ("step", "total_steps", "epoch", "learning_rate", "rows", "tokens", "phase", "validation_metric"):
            assert [getattr(report, name) for report in found] == [getattr(report, name) for report in alone]


def test_a_run_that_has_lost_its_company_makes_the_passes_that_it_makes_alone():
    model = tiny_model("bart")
    company, run, other = CoTuner(model), run_of(model, "short prompt"), run_of(model, "factors")
    for member in (other, run):
        company.add(member)
    company.remove(other)

    while company.runs:
        company.step()

    assert _same_prompts(run.result(), solo("bart", "short prompt").result)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("leaving", "joining"), [("long prompt", "factors"), ("factors", "long prompt")])
def test_a_run_that_leaves_resumes_in_other_company_and_ends_where_it_ends_alone(shape, leaving, joining):
    model = tiny_model(shape)
    left, stayed = run_of(model, leaving), run_of(model, "short prompt")
    first = CoTuner(model, pass_tokens=60)
    for run in (left, stayed):
        first.add(run)
    # The long prompt leaves in an update of which one of two passes is made.
    while left.step < 2 or not (left._nats or leaving == "factors"):
        first.step()

    first.remove(left)
    state = left.state()
    while first.runs:
        first.step()
    resumed, other = run_of(model, leaving, state=state), run_of(model, joining)
    tune_together(CoTuner(model), [other, resumed])

    assert resumed.step > 2
    assert_equal_to_solo(shape, {leaving: resumed, "short prompt": stayed, joining: other})


@pytest.mark.parametrize("shape", SHAPES)
def test_runs_on_a_base_model_in_bfloat16_learn_in_company_what_they_learn_alone(shape):
    model = tiny_model(shape, dtype=torch.bfloat16)
    alone = {kind: list(tune(run_of(model, kind))) for kind in KINDS}
    runs = {kind: run_of(model, kind) for kind in KINDS}

    outcomes = tune_together(CoTuner(model), list(runs.values()))

    # Rounding makes a difference of 1e-3 in the first updates, which every later one enlarges.
    for kind, run in runs.items():
        losses = [report.loss for outcome in outcomes for owner, report in outcome.reports if owner is run]
        expected = [report.loss for report in alone[kind]]
        differences = [abs(loss / wanted - 1) for loss, wanted in zip(losses, expected, strict=True)]
        assert median(differences) < 0.01
        assert max(differences) < 0.1


def test_an_epoch_whose_end_was_interrupted_is_ended_again_from_a_checkpoint():
    def interrupt(_: Any) -> float:
        raise RuntimeError

    model, alone = tiny_model("bart"), solo("bart", "short prompt")
    interrupted = run_of(model, "short prompt", evaluate=interrupt)
    company = CoTuner(model)
    company.add(interrupted)
    while not company.step().failures:
        pass

    resumed = run_of(model, "short prompt", state=interrupted.state())
    reports = list(tune(resumed))

    same = alone.reports[-len(reports) :]
    assert resumed.step == alone.result.steps
    assert [report.loss for report in reports] == [report.loss for report in same]
    assert reports[0].validation_loss == same[0].validation_loss is not None
    assert _same_prompts(resumed.result(), alone.result)


def test_a_run_can_join_only_once_and_only_on_the_base_model_of_the_company():
    model = tiny_model("bart")
    company, run, ended = CoTuner(model), run_of(model, "short prompt"), run_of(model, "short prompt")
    list(tune(ended))
    company.add(run)

    for unfit in (run, ended, run_of(tiny_model("bart"), "short prompt")):
        with pytest.raises(ValueError, match="must not have ended"):
            company.add(unfit)

    assert company.runs == (run,)


def test_a_company_without_runs_does_nothing():
    outcome = CoTuner(tiny_model("bart")).step()

    assert not outcome.reports
    assert not outcome.failures


def test_tenants_get_equal_turns_for_any_number_of_runs():
    model = tiny_model("bart")
    company = CoTuner(model, pass_tokens=1)
    runs = {seed: make_run(model, make_rows(20), make_parameters(seed=seed, num_epochs=9)) for seed in range(4)}
    for seed, run in runs.items():
        company.add(run, tenant="busy" if seed else "small")

    while sum(run.step for run in runs.values()) < 18:
        company.step()

    assert runs[0].step == pytest.approx(9, abs=1)
    assert all(runs[seed].step == pytest.approx(3, abs=1) for seed in (1, 2, 3))
