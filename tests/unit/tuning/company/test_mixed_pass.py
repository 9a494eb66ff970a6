from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import pytest
import torch

from factories.companies import KINDS, SHAPES, assert_equal_to_solo, run_of, tune_together
from factories.runs import make_parameters, make_rows, make_run
from factories.tiny_models import tiny_model
from foreword.errors import FailedPreconditionError
from foreword.network.answer_loss import AnswerLoss
from foreword.plugin.contributions import Contribution, Embeds
from foreword.plugin.interfaces import Artifact, LoadedModel, ParameterGroup, Trainable
from foreword.tuning.company.co_tuning import CoTuner
from foreword.tuning.company.mixed_pass import MixedPass, PassRow
from foreword.tuning.runs.run import TuningRun
from foreword_methods.prompt_tuning import PromptTuning

UPDATES = 2
"""Updates after which the runs of `BrokenPrompts` fail."""


def _fail(*_: Any) -> NoReturn:
    raise RuntimeError("broken")


def _fail_in_backward(vectors_PD: torch.Tensor) -> torch.Tensor:
    copy_PD = vectors_PD * 1.0
    copy_PD.register_hook(_fail)
    return copy_PD


FAULTS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "its contributions": _fail,
    "the shape of its prompt": lambda vectors_PD: vectors_PD[:, :-1],
    "the backward pass": _fail_in_backward,
    "a loss that is not finite": lambda vectors_PD: vectors_PD * float("nan"),
}


class _BrokenPrompt(Trainable):
    """A soft prompt with a fault after some updates."""

    def __init__(self, prompt: Trainable, fault: str) -> None:
        self._prompt = prompt
        self._fault = fault
        self._updates = 0

    @property
    def groups(self) -> Sequence[ParameterGroup]:
        return self._prompt.groups

    def contribute(self) -> Sequence[Contribution]:
        (embeds,) = self._prompt.contribute()
        assert isinstance(embeds, Embeds)
        if self._updates < UPDATES or self._fault not in FAULTS:
            return (embeds,)
        return (Embeds(vectors_PD=FAULTS[self._fault](embeds.vectors_PD)),)

    def after_step(self) -> None:
        self._updates += 1
        if self._updates > UPDATES and self._fault == "its optimiser":
            _fail()

    def finish(self) -> Artifact:
        return self._prompt.finish()


class BrokenPrompts(PromptTuning):
    """Prompt tuning that fails after some updates."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def start(self, *arguments: Any) -> Trainable:
        return _BrokenPrompt(super().start(*arguments), self._fault)


def _failing_run(model: LoadedModel, fault: str) -> TuningRun:
    if fault == "its evaluation":
        return run_of(model, "short prompt", evaluate=_fail)
    return make_run(model, make_rows(), make_parameters(), method=BrokenPrompts(fault))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("fault", [*FAULTS, "its optimiser", "its evaluation"])
def test_a_run_that_fails_in_any_part_is_reported_alone_and_the_others_do_not_notice(shape, fault):
    model = tiny_model(shape)
    failing = _failing_run(model, fault)
    runs = {kind: run_of(model, kind) for kind in ("short prompt", "factors")}

    outcomes = tune_together(CoTuner(model), [failing, *runs.values()])

    ((run, error),) = [failure for outcome in outcomes for failure in outcome.failures]
    assert run is failing
    assert failing.step >= UPDATES
    diverged = fault == "a loss that is not finite"
    assert isinstance(error, FailedPreconditionError if diverged else RuntimeError | ValueError)
    assert_equal_to_solo(shape, runs)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_gets_the_gradient_of_its_own_mean_loss_however_its_rows_are_passed(shape):
    model = tiny_model(shape)
    runs = [run_of(model, kind) for kind in ("long prompt", "factors")]
    waiting: list[PassRow] = []
    expected: list[torch.Tensor] = []
    for run in runs:
        update = run.begin_update()
        rows = [row for part in update.passes for row in part]
        loss = AnswerLoss(model).nats(rows, [run.contributions()], [0] * len(rows)).sum() / update.num_answer_tokens
        expected += torch.autograd.grad(loss, run.tensors)
        waiting += [PassRow(run=run, row=row, num_answer_tokens=update.num_answer_tokens) for row in rows]

    make_pass = MixedPass(model)
    for part in (waiting[3:12], waiting[:3] + waiting[12:]):
        assert not make_pass(part)

    for run in runs:
        for tensor in run.tensors:
            torch.testing.assert_close(tensor.grad, expected.pop(0), rtol=1e-4, atol=1e-6)


def _limit_memory(model: LoadedModel, fits: Callable[[int, int], bool]) -> None:
    """Let passes with gradients fail unless their numbers of rows and columns fit."""

    def allocate(_: Any, __: Any, arguments: Mapping[str, Any]) -> None:
        embeds_BTD = arguments.get("inputs_embeds")
        if torch.is_grad_enabled() and embeds_BTD is not None and not fits(*embeds_BTD.shape[:2]):
            raise torch.OutOfMemoryError

    network = model.module.base_model if model.spec.is_causal else model.module.get_encoder()
    network.register_forward_pre_hook(allocate, with_kwargs=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_pass_that_lacks_memory_is_repeated_in_smaller_ones_and_later_passes_are_no_larger(shape):
    model = tiny_model(shape)
    runs = {kind: run_of(model, kind) for kind in KINDS}
    refused: list[int] = []

    def fits(rows: int, columns: int) -> bool:
        if rows * columns > 150:
            refused.append(rows * columns)
        return rows * columns <= 150

    _limit_memory(model, fits)
    outcomes = tune_together(CoTuner(model), list(runs.values()))

    assert 1 <= len(refused) <= 8
    assert not any(outcome.failures for outcome in outcomes)
    assert_equal_to_solo(shape, runs)


def test_a_run_whose_single_rows_do_not_fit_into_memory_fails_and_the_others_go_on():
    model = tiny_model("bart")
    large = make_run(model, make_rows(), make_parameters(num_virtual_tokens=60))
    runs = {kind: run_of(model, kind) for kind in ("short prompt", "factors")}
    _limit_memory(model, lambda _, columns: columns <= 60)

    outcomes = tune_together(CoTuner(model), [large, *runs.values()])

    assert [run for outcome in outcomes for run, _ in outcome.failures] == [large]
    assert_equal_to_solo("bart", runs)


def test_the_time_of_a_pass_is_shared_by_tokens(monkeypatch):
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
