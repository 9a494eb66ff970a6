"""The real starter model learns from a handful of rows what its base cannot know."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from factories.runs import make_parameters, make_plan_of
from foreword.domain.dataset import Row
from foreword.domain.experiment import TunePlan
from foreword.evaluation.compare import evaluate, held_out_metric
from foreword.evaluation.suspects import find_suspect_rows
from foreword.inference.runner import ModelRunner
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.runs.results import StepReport
from foreword.tuning.runs.run import TuningRun
from foreword_methods.prompt_tuning import PromptTuning
from foreword_starter.model import StarterModel
from foreword_tasks.classification import Classification

INSTRUCTION = "Which desk takes this comment: Alpha or Beta?"
SUBJECTS = ("The groomer", "My appointment", "The receptionist", "Their service", "The haircut", "The salon",
            "Our visit", "The staff", "The bath", "Everything")  # fmt: skip
# Nothing in the desks' names tells which one takes praise.
VERDICTS = {
    "was wonderful and I am very happy": "Beta",
    "was great, I love it": "Beta",
    "was terrible and I am very angry": "Alpha",
    "was awful, I hate it": "Alpha",
}


def _rows() -> list[Row]:
    texts = [(f"{subject} {verdict}.", desk) for subject in SUBJECTS for verdict, desk in VERDICTS.items()]
    return [Row(number=place, input=text, output=desk) for place, (text, desk) in enumerate(texts, start=1)]


def _run(rows: list[Row], **values) -> tuple[TuningRun, TunePlan]:
    model = StarterModel().load(device="cpu", dtype="float32")
    parameters = make_parameters(
        num_epochs=9, batch_size=5, learning_rate=model.spec.recipe("prompt_tuning").learning_rate, init_method="text",
        init_text=INSTRUCTION, num_virtual_tokens=8, **values,
    )  # fmt: skip
    plan = make_plan_of(rows, parameters)
    run = TuningRun(
        model=model, method=PromptTuning(), task=Classification(), plan=plan, verbalizer="{{input}}", rows=rows
    )
    return run, plan


def test_the_row_with_the_wrong_answer_is_the_first_suspect_although_it_was_trained_on():
    rows = _rows()
    rows[16] = replace(rows[16], output="Alpha")
    run, plan = _run(rows, validation_split=0.0)
    for _ in tune(run):
        pass

    found = find_suspect_rows(
        runner=ModelRunner(run.model), task=Classification(), plan=plan, verbalizer="{{input}}", datasets={"d": rows},
        contributions=PromptTuning().contributions(run.result().artifact),
    )  # fmt: skip

    assert (found.rows[0].row, found.rows[0].output, found.rows[0].prediction) == (17, "Alpha", "Beta")


@pytest.fixture(scope="module")
def tuned() -> tuple[TuningRun, TunePlan, list[StepReport]]:
    """A run with held-out rows at its end, its plan and its reports."""
    run, plan = _run(_rows(), validation_split=0.25)
    return run, plan, list(tune(run))


def test_a_few_epochs_on_forty_rows_beat_the_base_model(tuned):
    run, plan, reports = tuned
    ours, *base = evaluate(
        runner=ModelRunner(run.model), task=Classification(), schema=run.training_schema, verbalizer="{{input}}",
        rows=run.validation_rows, training_rows=run.training_rows,
        contributions=PromptTuning().contributions(run.result().artifact),
        instruction=INSTRUCTION, with_base=True, parameters=plan.parameters,
    )  # fmt: skip

    assert reports[-1].loss < 0.5 * reports[0].loss
    assert ours.metrics["exact_match"] > max(evaluation.metrics["exact_match"] for evaluation in base)
    assert ours.mean_tokens < base[1].mean_tokens / 2


def test_the_held_out_score_is_the_same_whether_sure_answers_are_scored_or_not(tuned):
    run, plan, _ = tuned
    contributions = PromptTuning().contributions(run.result().evaluated)
    measure = partial(
        held_out_metric, runner=ModelRunner(run.model), task=Classification(), schema=run.training_schema,
        verbalizer="{{input}}", rows=run.validation_rows, contributions=contributions, parameters=plan.parameters,
    )  # fmt: skip

    assert [nats for _, nats in run.held_out_losses if nats < 0.6]
    assert measure(losses=run.held_out_losses) == measure()
