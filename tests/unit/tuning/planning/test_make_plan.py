from __future__ import annotations

from dataclasses import replace

import pytest

from factories.runs import make_rows
from factories.tasks import Shout
from factories.tiny_models import tiny_model
from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, TaskOptions
from foreword.domain.parameters import TuneParameters
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword.evaluation.compare import held_out_metric
from foreword.inference.runner import ModelRunner
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.planning.limits import ENOUGH_UPDATES, FEWEST_READINGS, MOST_READINGS
from foreword.tuning.planning.plan import make_plan
from foreword.tuning.runs.run import TuningRun
from foreword.tuning.split import split_for
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation

SPEC = tiny_model("bart").spec

TOKENS_PER_ROW = sum(4 + len(row.input.split()) + 2 + len(row.output.split()) + 1 for row in make_rows(200)) / 200
"""Mean number of tokens of a row: virtual tokens, input and answer."""


def _plan(
    rows=None,
    *,
    spec=SPEC,
    method=None,
    task=None,
    verbalizer="{{input}}",
    task_options=None,
    seconds_per_token=0.0,
    **parameters,
):
    method, task = method or PromptTuning(), task or Classification()
    config = ExperimentConfig(
        base_model=spec.id,
        dataset="d",
        task=task.id,
        task_options=task_options or TaskOptions(),
        tuning_type=method.id,
        verbalizer=verbalizer,
        parameters=TuneParameters(**parameters),
    )
    return make_plan(
        config=config,
        spec=spec,
        task=task,
        method=method,
        rows=make_rows(200) if rows is None else rows,
        count_tokens=lambda text: len(text.split()) + 2,
        seconds_per_token=seconds_per_token,
    )


def _codes(plan) -> list[str]:
    return [finding.code for finding in plan.warnings]


def test_unset_values_come_from_the_recipe_then_the_defaults_and_set_ones_are_honoured():
    plan = _plan(batch_size=4)

    assert (plan.parameters.batch_size, plan.sources["batch_size"]) == (4, "set")
    assert (plan.parameters.num_virtual_tokens, plan.sources["num_virtual_tokens"]) == (4, "recipe")
    assert (plan.parameters.num_epochs, plan.sources["num_epochs"]) == (20, "default")


def test_few_rows_are_read_in_more_epochs_unless_the_epochs_are_set():
    few, asked = _plan(make_rows(20), validation_split=0.2), _plan(make_rows(20), validation_split=0.2, num_epochs=20)

    assert (few.parameters.num_epochs, few.sources["num_epochs"]) == (75, "few_rows")
    assert (asked.parameters.num_epochs, asked.sources["num_epochs"]) == (20, "set")
    assert few.training_row_count * few.parameters.num_epochs == FEWEST_READINGS


@pytest.mark.parametrize(("row_count", "epochs"), [(1000, 20), (2000, 13), (10_000, 3), (40_000, 1)])
def test_many_rows_are_read_in_fewer_epochs(row_count, epochs):
    plan = _plan(make_rows(row_count), validation_split=0.2, batch_size=8)

    assert plan.parameters.num_epochs == epochs
    assert plan.sources["num_epochs"] == ("default" if epochs == 20 else "many_rows")
    assert epochs == 1 or plan.training_row_count * (epochs - 1) < MOST_READINGS


def test_many_rows_are_read_as_often_as_asked_for():
    plan = _plan(make_rows(10_000), num_epochs=20, batch_size=16)

    assert (plan.parameters.num_epochs, plan.sources["num_epochs"]) == (20, "set")


def test_large_batches_of_many_rows_still_make_enough_updates():
    plan = _plan(make_rows(10_000), validation_split=0.2, batch_size=64)

    assert plan.parameters.num_epochs == 8
    assert plan.planned_updates == ENOUGH_UPDATES


def test_a_long_run_stops_early_unless_the_patience_is_set():
    long, short = _plan(seconds_per_token=0.1, num_epochs=20), _plan(seconds_per_token=0.005, num_epochs=20)
    decided = _plan(seconds_per_token=0.1, num_epochs=20, early_stopping_patience=0)
    unmeasured = _plan(seconds_per_token=0.1, num_epochs=20, validation_split=0.0)

    assert (long.parameters.early_stopping_patience, long.sources["early_stopping_patience"]) == (5, "long_run")
    assert short.parameters.early_stopping_patience == 0
    assert (decided.parameters.early_stopping_patience, decided.sources["early_stopping_patience"]) == (0, "set")
    assert unmeasured.parameters.early_stopping_patience == 0


def test_a_plan_estimates_the_time_from_the_tokens_of_its_rows():
    plan = _plan(validation_split=0.0, num_epochs=3, seconds_per_token=0.001)

    assert plan.estimated_seconds == pytest.approx((3 + 1 / 3) * 200 * TOKENS_PER_ROW * 0.001)


def test_each_method_has_its_own_recipe_and_leaves_out_unused_parameters():
    spec = replace(SPEC, recipes={**SPEC.recipes, "ia3": TuneParameters(learning_rate=0.5)})

    plan, prompt = _plan(spec=spec, method=IA3()), _plan(spec=spec)

    assert (plan.parameters.learning_rate, prompt.parameters.learning_rate) == (0.5, 0.1)
    assert (plan.parameters.num_virtual_tokens, plan.parameters.init_method, plan.parameters.init_text) == (None,) * 3
    assert not IA3.unused_parameters & set(plan.sources)
    assert plan.trainable_parameter_count == 320
    # No vectors in front: the whole context is the input's.
    assert (plan.parameters.max_input_tokens, prompt.parameters.max_input_tokens) == (128, 124)


def test_a_parameter_that_the_method_does_not_use_is_refused_together_with_the_other_faults():
    with pytest.raises(InvalidArgumentError) as caught:
        _plan(method=IA3(), init_text="Classify", num_virtual_tokens=5, num_epochs=0)

    assert [violation.field.rpartition(".")[2] for violation in caught.value.violations] == [
        "init_text", "num_virtual_tokens", "num_epochs",
    ]  # fmt: skip


def test_an_answer_longer_than_the_context_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"in \[1, 128\]") as caught:
        _plan(max_output_tokens=2**31 - 1)

    assert [violation.field for violation in caught.value.violations] == [
        "tune_experiment.parameters.max_output_tokens"
    ]


def test_a_run_with_an_initialisation_text_starts_from_it():
    plan = _plan(init_text="Classify the complaint")

    assert (plan.parameters.init_method, plan.sources["init_method"]) == ("text", "set")


def test_the_documented_defaults_make_twenty_updates_on_two_hundred_rows_and_the_plan_says_so():
    plan = _plan(batch_size=16, accumulate_steps=16, num_epochs=20)

    assert plan.planned_updates == 20
    assert "FEW_UPDATES" in _codes(plan)
    assert "Set `accumulate_steps` to 1" in plan.warnings[0].remedy


def test_sizes_time_and_labels_are_planned():
    plan = _plan(batch_size=8, num_epochs=10, validation_split=0.2, refit=True, seconds_per_token=0.1 / TOKENS_PER_ROW)

    assert (plan.training_row_count, plan.validation_row_count) == (160, 40)
    assert plan.planned_updates == 10 * 20 + 10 * 25
    assert plan.trainable_parameter_count == 4 * 16
    assert plan.estimated_seconds == pytest.approx(0.1 * (10 * (160 + 40 * 2.3 + 200) + 5 * 40 * 2.3 + 200 / 3))
    assert plan.multi_label
    assert set(plan.labels) == {"Planning", "Service", "Warehouse"}


def test_the_rows_held_out_are_counted_as_they_are_split():
    rows = make_rows(40)
    plan = _plan([*rows, *(replace(row, number=40 + row.number) for row in rows[:20])], validation_split=0.2, seed=1)

    split = split_for(plan, Classification(), [*rows, *(replace(row, number=40 + row.number) for row in rows[:20])])

    assert (plan.training_row_count, plan.validation_row_count) == (len(split.training), len(split.held_out))
    assert plan.validation_row_count > 8


def test_every_faulty_field_is_named_at_once():
    with pytest.raises(InvalidArgumentError) as raised:
        _plan(
            batch_size=0, learning_rate=float("nan"), optimizer="sgd", verbalizer="{{text}}",
            method_parameters={"unknown": 1, "token_dropout": 2.0},
            task_options=TaskOptions(labels=("A", "A")),
        )  # fmt: skip

    assert {violation.field for violation in raised.value.violations} == {
        "tune_experiment.parameters.batch_size",
        "tune_experiment.parameters.learning_rate",
        "tune_experiment.parameters.optimizer",
        "tune_experiment.parameters.method_parameters.unknown",
        "tune_experiment.parameters.method_parameters.token_dropout",
        "tune_experiment.verbalizer",
        "tune_experiment.task_options.labels",
    }


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"extra": {"marks": 9}}, "tune_experiment.task_options.extra.marks"),
        ({"extra": {"loudness": 1}}, "tune_experiment.task_options.extra.loudness"),
        ({"separator": "; "}, "tune_experiment.task_options.separator"),
    ],
)
def test_options_that_the_task_does_not_have_or_allow_are_refused_by_name(options, field):
    with pytest.raises(InvalidArgumentError) as raised:
        _plan(task=Shout(), task_options=TaskOptions(**options))

    assert [violation.field for violation in raised.value.violations] == [field]
    assert _plan(task=Shout(), task_options=TaskOptions(extra={"marks": 3})).schema == {"marks": 3}


@pytest.mark.parametrize("method_parameters", [{"token_dropout": None}, {"averaging": "a lot"}])
def test_a_parameter_of_the_method_that_is_null_or_of_another_type_is_refused(method_parameters):
    with pytest.raises(InvalidArgumentError, match=r"method_parameters\.\w+: must be a float in \[0, 0\.9"):
        _plan(method_parameters=method_parameters)


@pytest.mark.parametrize("text", [None, "", "  "])
def test_starting_from_text_needs_a_text(text):
    with pytest.raises(InvalidArgumentError) as raised:
        _plan(init_method="text", init_text=text)

    assert [violation.field for violation in raised.value.violations] == ["tune_experiment.parameters.init_text"]


def test_prompt_and_input_must_fit_the_context_together():
    with pytest.raises(InvalidArgumentError, match="has room for 108") as raised:
        _plan(num_virtual_tokens=20, max_input_tokens=120)

    assert raised.value.violations[0].field == "tune_experiment.parameters.max_input_tokens"


def test_a_prompt_as_long_as_the_context_is_refused():
    with pytest.raises(InvalidArgumentError, match="smaller than the context"):
        _plan(num_virtual_tokens=128)


def test_unset_lengths_shrink_to_a_small_context():
    assert _plan().parameters.max_input_tokens == 124


def test_causal_models_leave_room_for_the_answer():
    parameters = _plan(spec=tiny_model("llama").spec).parameters

    assert parameters.max_input_tokens + parameters.max_output_tokens + parameters.num_virtual_tokens <= 128


@pytest.mark.parametrize(
    ("given", "planned"),
    [
        ({"max_input_tokens": 110}, (110, 14)),
        ({"max_output_tokens": 100}, (24, 100)),
        ({"max_input_tokens": 24, "max_output_tokens": 100}, (24, 100)),
        ({"num_virtual_tokens": 100}, (21, 7)),
    ],
)
def test_the_unset_lengths_of_a_causal_model_give_way_to_the_set_ones(given, planned):
    parameters = _plan(spec=tiny_model("llama").spec, **given).parameters

    assert (parameters.max_input_tokens, parameters.max_output_tokens) == planned


def test_the_recipes_input_length_shrinks_for_a_longer_prompt():
    spec = replace(SPEC, recipes={"prompt_tuning": TuneParameters(num_virtual_tokens=4, max_input_tokens=120)})

    assert _plan(spec=spec, num_virtual_tokens=20).parameters.max_input_tokens == 108


@pytest.mark.parametrize(
    "given",
    [{"max_input_tokens": 120, "max_output_tokens": 100}, {"max_input_tokens": 124}, {"max_output_tokens": 124}],
)
def test_input_and_answer_of_a_causal_model_must_fit_the_context_together(given):
    with pytest.raises(
        InvalidArgumentError, match=r"and max_output_tokens is .* has room for 124 tokens of both together"
    ) as raised:
        _plan(spec=tiny_model("llama").spec, **given)

    assert [violation.field for violation in raised.value.violations] == ["tune_experiment.parameters.max_input_tokens"]


@pytest.mark.parametrize("shape", ["gpt2", "llama"])
def test_the_longest_rows_that_a_plan_admits_can_be_tuned_and_measured(shape):
    rows = [Row(number=number, input=f"word {number} " * 90, output="word " * 90) for number in range(1, 13)]
    model, task = tiny_model(shape), Generation()
    plan = _plan(rows, spec=model.spec, task=task, max_input_tokens=64, num_epochs=1, init_method="sample_vocab")
    runner = ModelRunner(model)

    def measure(contributions):
        return held_out_metric(
            runner=runner, task=task, schema=plan.schema, verbalizer="{{input}}", rows=run.validation_rows,
            contributions=contributions, parameters=plan.parameters,
        )  # fmt: skip

    run = TuningRun(
        model=model, method=PromptTuning(), task=task, plan=plan, verbalizer="{{input}}", rows=rows, evaluate=measure
    )

    assert plan.parameters.max_output_tokens == 60
    assert [report.validation_metric for report in tune(run)][-1] is not None


def test_too_few_rows_are_a_failed_precondition():
    with pytest.raises(FailedPreconditionError, match="9 rows") as raised:
        _plan(make_rows(9))

    assert raised.value.reason == "TOO_FEW_ROWS"


def test_a_base_model_that_is_not_tunable_is_refused():
    with pytest.raises(FailedPreconditionError, match="cannot be tuned"):
        _plan(spec=replace(SPEC, tunable=False))


def test_a_template_that_leaves_nothing_for_the_input_is_refused():
    with pytest.raises(InvalidArgumentError, match="takes 6 tokens") as raised:
        _plan(verbalizer="Which departments take: {{input}} Departments:", max_input_tokens=6)

    assert raised.value.violations[0].field == "tune_experiment.parameters.max_input_tokens"
    assert _plan(verbalizer="Which departments take: {{input}} Departments:", max_input_tokens=7)


def test_rows_that_lose_their_end_are_counted_and_named():
    rows = [*make_rows(30), Row(number=31, input="word " * 60, output="Planning")]

    plan = _plan(rows, max_input_tokens=50)

    cut = next(finding for finding in plan.warnings if finding.code == "INPUT_CUT")
    assert cut.rows == (31,)
    assert "62" in cut.message


@pytest.mark.parametrize(("text", "code"), [("one two", "INIT_TEXT_REPEATED"), ("a b c d e", "INIT_TEXT_CUT")])
def test_the_plan_reports_an_initialisation_text_that_is_repeated_or_cut(text, code):
    assert code in _codes(_plan(init_method="text", init_text=text))


def test_a_text_as_long_as_the_prompt_causes_no_warning():
    assert not {"INIT_TEXT_REPEATED", "INIT_TEXT_CUT"} & set(_codes(_plan(init_method="text", init_text="a b c d")))


def test_a_rate_far_from_the_recipe_is_warned_about():
    assert "RATE_FAR_FROM_RECIPE" in _codes(_plan(learning_rate=0.001))
    assert "RATE_FAR_FROM_RECIPE" not in _codes(_plan(learning_rate=0.05))


def test_holding_nothing_out_is_warned_about():
    assert "NOTHING_HELD_OUT" in _codes(_plan(validation_split=0.0))


def test_rows_with_one_input_cannot_be_held_out_and_the_warning_gives_the_reason():
    plan = _plan([Row(number=number, input="Text", output="Planning") for number in range(1, 21)])

    finding = next(finding for finding in plan.warnings if finding.code == "NOTHING_HELD_OUT")
    assert plan.validation_row_count == 0
    assert "same input" in finding.message
    assert finding.remedy == "Add rows with other inputs."
