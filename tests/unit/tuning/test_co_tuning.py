from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from factories.companies import assert_equal_up_to_rounding, tune_together
from factories.examples import examples
from factories.runs import make_parameters, make_rows, make_run
from factories.tiny_models import tiny_model
from foreword.errors import FailedPreconditionError
from foreword.plugin.interfaces import LoadedModel
from foreword.tuning.co_tuning import CoTuner, tune
from foreword.tuning.run import TuningRun
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning

SHAPES = ("bart", "llama")
KINDS: Mapping[str, Mapping[str, Any]] = {
    "short prompt": {"num_virtual_tokens": 3, "batch_size": 2, "learning_rate": 0.05},
    "long prompt": {
        "num_virtual_tokens": 11, "batch_size": 5, "accumulate_steps": 2, "learning_rate": 0.2, "seed": 3,
        "num_epochs": 4,
        "optimizer": "adafactor", "method_parameters": {"token_dropout": 0.2, "averaging": 0.5},
    },
    "factors": {"method": IA3(), "batch_size": 3, "learning_rate": 0.02, "schedule": "cosine", "refit": True},
    "factors by adafactor": {
        "method": IA3(), "batch_size": 8, "num_epochs": 4, "learning_rate": 0.01, "optimizer": "adafactor",
        "warmup_ratio": 0.3, "weight_decay": 0.01, "max_gradient_norm": 0.05,
    },
}  # fmt: skip


def _run(model: LoadedModel, kind: str, **arguments: Any) -> TuningRun:
    values = dict(KINDS[kind])
    method = values.pop("method", None) or PromptTuning()
    rows = make_rows(18 + len(kind) % 5)
    return make_run(model, rows, make_parameters(**values), method=method, **{"evaluate": lambda _: 0.5, **arguments})


def _alone(model: LoadedModel, kind: str) -> TuningRun:
    run = _run(model, kind)
    list(tune(run))
    return run


def _start(model: LoadedModel, kind: str) -> Any:
    """Return the artifact of a run before its first update."""
    return _run(model, kind)._learner.trainable.finish()


def _assert_equal_to_alone(model: LoadedModel, runs: Mapping[str, TuningRun]) -> None:
    for kind, run in runs.items():
        alone = _alone(model, kind).result()
        assert run.result().steps == alone.steps
        assert run.result().best_epoch == alone.best_epoch
        assert_equal_up_to_rounding(run.result().artifact, alone.artifact, _start(model, kind))


@pytest.mark.parametrize("shape", SHAPES)
def test_each_run_of_a_mixed_company_ends_where_it_ends_alone(shape):
    model = tiny_model(shape)
    runs = {kind: _run(model, kind) for kind in KINDS}
    joining = {runs["factors"]: 2, runs["long prompt"]: 5}

    outcomes = tune_together(CoTuner(model), list(runs.values()), join_at=joining)

    reported = [run for outcome in outcomes for run, _ in outcome.reports]
    assert all(reported.count(run) == run.result().steps for run in runs.values())
    assert not any(outcome.failures for outcome in outcomes)
    assert sum(len(outcome.reports) > 1 for outcome in outcomes) > 10
    _assert_equal_to_alone(model, runs)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=examples(6), deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=3, unique=True),
    joining=st.lists(st.integers(0, 8), min_size=3, max_size=3),
    pass_tokens=st.integers(1, 400),
)
def test_company_changes_no_run_whoever_joins_when_and_however_large_passes_are(shape, kinds, joining, pass_tokens):
    model = tiny_model(shape)
    runs = {kind: _run(model, kind) for kind in kinds}

    tune_together(
        CoTuner(model, pass_tokens=pass_tokens),
        list(runs.values()),
        join_at=dict(zip(runs.values(), joining, strict=False)),
    )

    _assert_equal_to_alone(model, runs)


def test_the_reports_of_a_run_in_company_are_those_of_the_run_alone():
    model = tiny_model("bart")
    runs = {kind: _run(model, kind) for kind in KINDS}

    outcomes = tune_together(CoTuner(model), list(runs.values()))

    for kind, run in runs.items():
        found = [report for outcome in outcomes for owner, report in outcome.reports if owner is run]
        alone = list(tune(_run(model, kind)))
        assert [report.loss for report in found] == pytest.approx([report.loss for report in alone], rel=1e-4)
        assert [report.validation_loss or 0.0 for report in found] == pytest.approx(
            [report.validation_loss or 0.0 for report in alone], rel=1e-4
        )
        for name in ("step", "total_steps", "epoch", "learning_rate", "rows", "tokens", "phase", "validation_metric"):
            assert [getattr(report, name) for report in found] == [getattr(report, name) for report in alone]


def test_a_run_that_has_lost_its_company_makes_the_passes_that_it_makes_alone():
    model = tiny_model("bart")
    company, run, alone = CoTuner(model), _run(model, "short prompt"), _run(model, "short prompt")
    other = _run(model, "factors")
    company.add(other)
    company.remove(other)
    company.add(run)

    while company.runs:
        company.step()

    list(tune(alone))
    assert torch.equal(*(item.result().artifact.tensors["prompt_embeddings"] for item in (run, alone)))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_that_leaves_in_an_update_resumes_in_other_company_and_ends_where_it_ends_alone(shape):
    model = tiny_model(shape)
    left, stayed = _run(model, "long prompt"), _run(model, "short prompt")
    first = CoTuner(model, pass_tokens=60)
    for run in (left, stayed):
        first.add(run)
    while not (left._nats and left.step == 2):  # one of the two passes of an update is made
        first.step()

    first.remove(left)
    state = left.state()
    while first.runs:
        first.step()
    resumed, other = _run(model, "long prompt", state=state), _run(model, "factors")
    tune_together(CoTuner(model), [other, resumed])

    assert resumed.step > 2
    _assert_equal_to_alone(model, {"long prompt": resumed, "short prompt": stayed, "factors": other})


class Broken(PromptTuning):
    """A method that raises an error after some updates."""

    def __init__(self, breaks: str, updates: int) -> None:
        self.breaks, self.updates = breaks, updates

    def start(self, *arguments: Any) -> Any:
        trainable = super().start(*arguments)
        plain, left = {name: getattr(trainable, name) for name in ("contribute", "after_step")}, [self.updates]

        def count() -> None:
            left[0] -= 1
            plain["after_step"]()
            if self.breaks == "after_step" and left[0] < 0:
                raise RuntimeError(self.breaks)

        def contribute() -> Any:
            if self.breaks == "contribute" and left[0] <= 0:
                raise RuntimeError(self.breaks)
            contributions = plain["contribute"]()
            if self.breaks == "backward" and left[0] <= 0:
                (embeds,) = contributions
                vectors_PD = embeds.vectors_PD * 1.0
                vectors_PD.register_hook(fail)
                return (type(embeds)(vectors_PD=vectors_PD),)
            if self.breaks == "nan" and left[0] <= 0:
                (embeds,) = contributions
                return (type(embeds)(vectors_PD=embeds.vectors_PD * float("nan")),)
            if self.breaks == "shape" and left[0] <= 0:
                (embeds,) = contributions
                return (type(embeds)(vectors_PD=embeds.vectors_PD[:, :-1]),)
            return contributions

        def fail(_: Any) -> None:
            raise RuntimeError(self.breaks)

        trainable.after_step, trainable.contribute = count, contribute
        return trainable


def _fails_in_evaluation(_: Any) -> float:
    raise RuntimeError("evaluate")


FAULTS: Mapping[str, Callable[[LoadedModel], TuningRun]] = {
    **{
        place: partial(
            lambda model, place: make_run(model, make_rows(), make_parameters(), method=Broken(place, 2)), place=place
        )
        for place in ("contribute", "after_step", "backward", "shape", "nan")
    },
    "evaluate": partial(_run, kind="short prompt", evaluate=_fails_in_evaluation),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_fails_is_reported_alone_and_does_not_change_the_others(shape, fault):
    model = tiny_model(shape)
    failing = FAULTS[fault](model)
    runs = {kind: _run(model, kind) for kind in ("short prompt", "factors")}
    company = CoTuner(model)

    outcomes = tune_together(company, [failing, *runs.values()])

    ((run, error),) = [failure for outcome in outcomes for failure in outcome.failures]
    assert run is failing
    assert failing.step >= 1
    assert isinstance(error, FailedPreconditionError if fault == "nan" else RuntimeError | ValueError)
    _assert_equal_to_alone(model, runs)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pass_for_which_memory_is_short_is_repeated_in_smaller_ones(shape):
    model = tiny_model(shape)
    runs = {kind: _run(model, kind) for kind in KINDS}
    expected = {kind: _alone(model, kind).result().artifact for kind in KINDS}
    starts = {kind: _start(model, kind) for kind in KINDS}
    refused: list[torch.Size] = []

    def allocate(_: Any, __: Any, arguments: Mapping[str, Any]) -> None:
        embeds_BTD = arguments.get("inputs_embeds")
        if torch.is_grad_enabled() and embeds_BTD is not None and embeds_BTD.shape[:2].numel() > 200:
            refused.append(embeds_BTD.shape)
            raise torch.OutOfMemoryError

    network = model.module.get_encoder() if shape == "bart" else model.module.base_model
    network.register_forward_pre_hook(allocate, with_kwargs=True)
    outcomes = tune_together(CoTuner(model), list(runs.values()))

    assert refused
    assert not any(outcome.failures for outcome in outcomes)
    for kind, run in runs.items():
        assert_equal_up_to_rounding(run.result().artifact, expected[kind], starts[kind])


def test_a_run_whose_single_rows_do_not_fit_into_memory_fails_and_the_others_go_on():
    model = tiny_model("bart")
    large = make_run(model, make_rows(), make_parameters(num_virtual_tokens=60))
    runs = {kind: _run(model, kind) for kind in ("short prompt", "factors")}
    failures = []

    def allocate(_: Any, __: Any, arguments: Mapping[str, Any]) -> None:
        embeds_BTD = arguments.get("inputs_embeds")
        if embeds_BTD is not None and embeds_BTD.shape[1] > 60:
            raise torch.OutOfMemoryError

    hook = model.module.get_encoder().register_forward_pre_hook(allocate, with_kwargs=True)
    for outcome in tune_together(CoTuner(model), [large, *runs.values()]):
        failures += outcome.failures
    hook.remove()

    assert [run for run, _ in failures] == [large]
    _assert_equal_to_alone(model, runs)


def test_an_epoch_whose_end_was_interrupted_is_ended_again_from_a_checkpoint():
    model = tiny_model("bart")
    interrupted = _run(model, "short prompt", evaluate=_fails_in_evaluation)
    company = CoTuner(model)
    company.add(interrupted)
    while not company.step().failures:
        pass

    resumed = _run(model, "short prompt", state=interrupted.state())
    reports = list(tune(resumed))

    whole = list(tune(alone := _run(model, "short prompt")))
    assert resumed.step == alone.step
    assert [report.loss for report in reports] == [report.loss for report in whole[-len(reports) :]]
    assert reports[0].validation_loss == whole[-len(reports)].validation_loss is not None
    assert torch.equal(*(item.result().artifact.tensors["prompt_embeddings"] for item in (resumed, alone)))


def test_the_time_of_a_common_pass_is_shared_by_tokens(monkeypatch):
    model = tiny_model("bart")
    company = CoTuner(model)
    small, large = (
        make_run(model, make_rows(28), make_parameters(num_virtual_tokens=count, batch_size=count)) for count in (3, 7)
    )
    seconds: dict[TuningRun, float] = {}
    for run in (small, large):
        monkeypatch.setattr(run, "add", lambda nats, gradients, time, run=run: seconds.update({run: time}))
        company.add(run)

    tokens = {run: report.tokens for run, report in company.step().reports}

    assert tokens[large] > 2 * tokens[small]
    assert seconds[large] / seconds[small] == pytest.approx(tokens[large] / tokens[small])


def test_a_run_can_join_only_once_and_only_on_the_base_model_of_the_company():
    model = tiny_model("bart")
    company, run = CoTuner(model), _run(model, "short prompt")
    ended = _alone(model, "short prompt")
    company.add(run)

    for unfit in (run, ended, _run(tiny_model("bart"), "short prompt")):
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
