from __future__ import annotations

import math
from statistics import fmean

import pytest
import torch

from factories.runs import make_parameters, make_plan_of, make_rows
from factories.tiny_models import HIDDEN_SIZE, tiny_model
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.templates import apply_verbalizer
from foreword.evaluation.compare import evaluate, held_out_metric
from foreword.evaluation.prompting import Prompting, choose_examples
from foreword.inference.runner import ModelRunner
from foreword.plugin.contributions import Embeds
from foreword.plugin.encoding import encode_target
from foreword.tuning.batches import encode_rows
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation

ROWS = make_rows(16)
PROMPT = (Embeds(vectors_PD=torch.randn(4, HIDDEN_SIZE, generator=torch.Generator().manual_seed(0))),)


def _evaluate(shape="bart", task=None, **changes):
    task = task or Classification()
    arguments = {
        "runner": ModelRunner(tiny_model(shape)), "task": task, "schema": task.fit(ROWS, TaskOptions()),
        "verbalizer": "classify: {{input}}", "rows": ROWS[:6], "training_rows": ROWS[6:], "contributions": PROMPT,
        "instruction": "Route it.", "with_base": True,
        "parameters": make_parameters(max_input_tokens=60, max_output_tokens=8), **changes,
    }  # fmt: skip
    return evaluate(**arguments)


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_a_closed_task_compares_tuned_and_base_free_and_constrained(shape):
    evaluations = _evaluate(shape)

    assert [evaluation.system for evaluation in evaluations] == [
        "tuned",
        "base_zero_shot",
        "base_three_shot",
        "base_zero_shot_constrained",
        "base_three_shot_constrained",
    ]
    assert {evaluation.row_count for evaluation in evaluations} == {6}
    assert [evaluation.soft_prompt_tokens for evaluation in evaluations] == [4, 0, 0, 0, 0]


@pytest.mark.parametrize("with_base", [False, True])
def test_the_candidates_of_the_tuned_model_say_which_answer_is_right(with_base: bool):
    scored = []

    tuned, *_ = _evaluate(with_base=with_base, on_scored=scored.extend)

    assert [", ".join(item.labels) for item in scored] == [example.prediction for example in tuned.examples]
    assert [item.is_right for item in scored] == [example.prediction == example.reference for example in tuned.examples]
    assert fmean(item.is_right for item in scored) == tuned.metrics["exact_match"]
    assert all(item.right is not None for item in scored)
    assert all(list(item.log_probs) == sorted(item.log_probs, reverse=True) for item in scored)


def test_an_open_task_has_no_candidates():
    scored = []

    _evaluate(task=Generation(), on_scored=scored.append)

    assert scored == []


def test_examples_cost_tokens_and_the_soft_prompt_is_not_counted():
    tuned, zero_shot, three_shot, *_ = _evaluate()

    assert tuned.mean_tokens < zero_shot.mean_tokens < three_shot.mean_tokens


def test_a_comparison_whose_examples_do_not_fit_is_left_out():
    long = [Row(number=row.number, input=row.input + " again" * 50, output=row.output) for row in ROWS]

    evaluations = _evaluate(rows=long[:6], training_rows=long[6:], task=Generation())

    assert [evaluation.system for evaluation in evaluations] == ["tuned", "base_zero_shot"]


def test_an_open_task_is_answered_freely():
    evaluations = _evaluate(task=Generation())

    assert [evaluation.system for evaluation in evaluations] == ["tuned", "base_zero_shot", "base_three_shot"]


@pytest.mark.parametrize("shape", ["bart", "llama"])
def test_perplexity_is_that_of_the_right_answers_as_transformers_counts_it(shape):
    task, model, parameters = Generation(), tiny_model(shape), make_parameters(max_input_tokens=60, max_output_tokens=8)
    runner = ModelRunner(model)
    prompting = Prompting(verbalizer="classify: {{input}}", max_tokens=200, instruction="Route it.")
    nats = tokens = 0
    for row in ROWS[:6]:
        asked = torch.tensor([runner.tokenize(prompting.text(row, runner))])
        answer = torch.tensor([encode_target(model, row.output, 8)])
        if shape == "llama":
            ids, ignored = torch.cat([asked, answer], dim=1), torch.full_like(asked, -100)
            loss = model.module(input_ids=ids, labels=torch.cat([ignored, answer], dim=1)).loss
        else:
            loss = model.module(input_ids=asked, labels=answer).loss
        nats, tokens = nats + float(loss) * answer.numel(), tokens + answer.numel()

    tuned, base, *_ = _evaluate(shape, task, runner=runner, parameters=parameters)

    assert base.metrics["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert tuned.metrics["perplexity"] != base.metrics["perplexity"]
    assert set(base.metrics) == {metric.id for metric in task.metrics}


class NotesAnswers(Classification):
    """Classification that notes the answers that it scored."""

    def __init__(self):
        self.scored = []

    def score(self, answers, references, schema):
        self.scored.append(answers)
        return super().score(answers, references, schema)


def test_only_answers_chosen_among_label_sets_have_probabilities():
    task = NotesAnswers()

    _evaluate(task=task, rows=ROWS[4:8], training_rows=ROWS[8:])

    for tuned_or_constrained in (task.scored[0], task.scored[3], task.scored[4]):
        assert [answer.row for answer in tuned_or_constrained] == [5, 6, 7, 8]
        for answer in tuned_or_constrained:
            assert set(answer.label_probabilities) == {"Planning", "Service", "Warehouse"}
            chosen = [answer.label_probabilities[label] for label in answer.text.split(", ")]
            assert 0 < answer.probability <= min(chosen) <= 1
    for free in task.scored[1:3]:
        assert {answer.probability for answer in free} == {None}
        assert not any(answer.label_probabilities for answer in free)


def test_the_held_out_metric_of_an_epoch_is_scored_without_probabilities():
    task = NotesAnswers()

    held_out_metric(
        runner=ModelRunner(tiny_model("bart")), task=task, schema=task.fit(ROWS, TaskOptions()),
        verbalizer="classify: {{input}}", rows=ROWS[4:8], contributions=PROMPT,
        parameters=make_parameters(max_input_tokens=60, max_output_tokens=8),
    )  # fmt: skip

    assert [(answer.row, answer.probability) for answer in task.scored[0]] == [(row, None) for row in (5, 6, 7, 8)]


def test_the_base_model_is_evaluated_only_on_request():
    assert [evaluation.system for evaluation in _evaluate(with_base=False)] == ["tuned"]


def test_the_tuned_answers_of_a_closed_task_are_label_sets():
    tuned = _evaluate()[0]

    assert {example.prediction for example in tuned.examples} <= {
        "Planning", "Service", "Warehouse", "Planning, Service", "Planning, Warehouse", "Service, Warehouse",
        "Planning, Service, Warehouse",
    }  # fmt: skip


def test_the_held_out_metric_is_the_main_metric_of_the_evaluation():
    task = Classification()
    schema = task.fit(ROWS, TaskOptions())

    metric = held_out_metric(
        runner=ModelRunner(tiny_model("bart")), task=task, schema=schema, verbalizer="classify: {{input}}",
        rows=ROWS[:6], contributions=PROMPT, parameters=make_parameters(max_input_tokens=60, max_output_tokens=8),
    )  # fmt: skip

    assert metric == _evaluate(with_base=False)[0].metrics[task.main_metric]


def _measure_held_out(monkeypatch, nats, **parameters):
    """Return the held-out metric, and the texts that were scored for it."""
    task, model, scored = Classification(), tiny_model("bart"), []
    schema = task.fit(ROWS, TaskOptions())
    plan = make_plan_of(ROWS, make_parameters(**{"max_input_tokens": 60, "max_output_tokens": 8, **parameters}))
    rows = encode_rows(ROWS[:6], model=model, task=task, plan=plan, verbalizer="classify: {{input}}")
    runner = ModelRunner(model)
    score = runner.score_label_sets

    def score_and_note(texts, *rest, **options):
        scored.extend(texts)
        return score(texts, *rest, **options)

    monkeypatch.setattr(runner, "score_label_sets", score_and_note)
    metric = held_out_metric(
        runner=runner, task=task, schema=schema, verbalizer="classify: {{input}}", rows=ROWS[:6], contributions=PROMPT,
        parameters=plan.parameters, losses=list(zip(rows, nats, strict=True)),
    )  # fmt: skip
    return metric, [row.text for row in scored]


def test_answers_with_most_of_the_probability_are_not_scored_again_for_the_held_out_metric(monkeypatch):
    whole, texts = _measure_held_out(monkeypatch, [5.0] * 6)
    assert len(texts) == 6

    sure, scored = _measure_held_out(monkeypatch, [0.1, 5.0, 0.5, 5.0, 5.0, 5.0])
    assert scored == [texts[1], *texts[3:]]
    assert sure >= whole

    assert _measure_held_out(monkeypatch, [0.1] * 6) == (1.0, [])


def test_rows_that_were_cut_are_scored_however_small_their_loss_is(monkeypatch):
    for cut in ({"max_input_tokens": 3}, {"max_output_tokens": 1}):
        assert len(_measure_held_out(monkeypatch, [0.1] * 6, **cut)[1]) == 6


def test_evaluation_stops_when_its_check_raises():
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _evaluate(check=stop)


def test_an_input_too_long_gives_way_and_the_template_and_examples_stay():
    runner = ModelRunner(tiny_model("bart"))
    row = Row(number=1, input="word " * 200, output="Planning")
    prompting = Prompting(verbalizer="classify: {{input}} Answer:", max_tokens=40, instruction="Route it.")

    text = prompting.text(row, runner)

    assert len(runner.tokenize(text)) <= 40
    assert text.startswith("classify: Route it.")
    assert text.endswith("Answer:")
    assert text.count("word") > 15


def test_a_short_input_is_what_serving_would_send():
    runner = ModelRunner(tiny_model("bart"))
    prompting = Prompting(verbalizer="classify: {{input}}", max_tokens=40)

    assert prompting.text(ROWS[0], runner) == apply_verbalizer("classify: {{input}}", ROWS[0].input)


def test_examples_show_the_most_frequent_answers_and_are_always_the_same():
    task = Classification()
    schema = task.fit(ROWS, TaskOptions())

    first = choose_examples(ROWS, task, schema, len)
    second = choose_examples(ROWS, task, schema, len)

    assert first == second
    assert len({example.output for example in first}) == 3


def test_fewer_answers_than_examples_are_shown_more_than_once():
    rows = [Row(number=number, input=f"text {number}", output=str(number % 2)) for number in range(8)]
    task = Classification()

    examples = choose_examples(rows, task, task.fit(rows, TaskOptions()), len)

    assert len(examples) == 3
    assert len({example.input for example in examples}) == 3


@pytest.mark.parametrize("shape", ["gpt2", "llama"])
def test_inputs_leave_room_for_label_sets_longer_than_any_answer_of_the_rows(shape):
    long = [Row(number=row.number, input=row.input + " word" * 150, output=row.output) for row in ROWS[:6]]
    seen = [*ROWS, Row(number=17, input="Everything", output="the office" + " word" * 20)]
    schema = Classification().fit(seen, TaskOptions())

    evaluations = _evaluate(
        shape, rows=long, schema=schema, parameters=make_parameters(max_input_tokens=120, max_output_tokens=8)
    )

    assert [evaluation.row_count for evaluation in evaluations if evaluation.system == "tuned"] == [6]
