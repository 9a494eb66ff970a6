"""Plans of runs whose held-out rows are those of another dataset."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories.runs import make_rows
from factories.tiny_models import tiny_model
from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, TaskOptions, TunePlan
from foreword.domain.parameters import TuneParameters
from foreword.domain.report import Finding, Severity
from foreword.errors import InvalidArgumentError
from foreword.tuning.planning.plan import make_plan
from foreword_methods.prompt_tuning import PromptTuning
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation

SPEC = tiny_model("bart").spec


def other_rows(*outputs: str) -> list[Row]:
    """Return validation rows with inputs that `make_rows` does not make."""
    return [Row(number=place, input=f"Question {place}", output=text) for place, text in enumerate(outputs, start=1)]


def plan_of(rows, validation_rows, *, task=None, seconds_per_token=0.0, labels=(), **parameters) -> TunePlan:
    """Plan a run with a validation dataset, or without one if it has no rows."""
    task = task or Classification()
    config = ExperimentConfig(
        base_model=SPEC.id,
        dataset="d",
        validation_dataset="v" if validation_rows else None,
        task=task.id,
        task_options=TaskOptions(labels=labels),
        tuning_type="prompt_tuning",
        verbalizer="{{input}}",
        parameters=TuneParameters(**parameters),
    )
    return make_plan(
        config=config,
        spec=SPEC,
        task=task,
        method=PromptTuning(),
        rows=rows,
        validation_rows=validation_rows,
        count_tokens=lambda text: len(text.split()) + 2,
        seconds_per_token=seconds_per_token,
    )


def found(plan: TunePlan, code: str) -> Finding:
    (finding,) = [item for item in plan.warnings if item.code == code]
    return finding


def test_all_rows_are_trained_on_and_the_sources_say_why():
    plan = plan_of(make_rows(40), other_rows(*["Service"] * 12))

    assert (plan.training_row_count, plan.validation_row_count) == (40, 12)
    assert (plan.parameters.validation_split, plan.parameters.refit) == (0.0, False)
    assert plan.sources["validation_split"] == plan.sources["refit"] == "validation_dataset"
    assert not [item for item in plan.warnings if item.code.startswith(("VALIDATION", "NOTHING"))]


def test_values_that_agree_with_a_validation_dataset_may_be_set():
    plan = plan_of(make_rows(40), other_rows("Service"), validation_split=0.0, refit=False)

    assert plan.sources["validation_split"] == plan.sources["refit"] == "set"


def test_a_share_or_a_refit_beside_a_validation_dataset_is_refused_by_name():
    with pytest.raises(InvalidArgumentError) as caught:
        plan_of(make_rows(40), other_rows("Service"), validation_split=0.2, refit=True)

    assert {item.field for item in caught.value.violations} == {
        "tune_experiment.validation_dataset",
        "tune_experiment.parameters.validation_split",
        "tune_experiment.parameters.refit",
    }


def test_inputs_that_are_trained_on_are_named_with_the_numbers_of_both_rows():
    rows = make_rows(40)
    repeated = [replace(rows[16], number=2, input=rows[16].input.upper() + "  "), replace(rows[3], number=3)]

    finding = found(plan_of(rows, [*other_rows("Service"), *repeated]), "VALIDATION_ROWS_TRAINED")

    assert finding.severity is Severity.WARNING
    assert (finding.rows, finding.row_count, finding.column) == ((2, 3), 2, "input")
    assert "2 of 3 validation rows" in finding.message
    assert "validation row 2 (row 17), 3 (row 4)." in finding.message


def test_a_validation_dataset_of_trained_rows_is_named_within_bounds():
    rows = make_rows(60)

    finding = found(plan_of(rows, rows), "VALIDATION_ROWS_TRAINED")

    assert (len(finding.rows), finding.row_count) == (20, 60)
    assert "5 (row 5), ..." in finding.message


def test_labels_that_only_validation_rows_have_are_named_with_their_rows():
    plan = plan_of(make_rows(40), other_rows("Service", "Legal", "Planning, Tax", "Legal"))

    finding = found(plan, "VALIDATION_LABELS_UNKNOWN")
    assert finding.severity is Severity.WARNING
    assert (finding.rows, finding.row_count, finding.column) == ((2, 3, 4), 3, "output")
    assert "3 validation rows have answers" in finding.message
    assert ": Legal; Planning, Tax." in finding.message
    assert "Legal" not in plan.labels


def test_a_new_combination_of_trained_labels_is_a_remark():
    plan = plan_of(make_rows(40), other_rows("Service", "Warehouse, Service"))

    finding = found(plan, "VALIDATION_ANSWERS_NEW")
    assert finding.severity is Severity.INFO
    assert (finding.rows, finding.row_count) == ((2,), 1)
    assert "1 validation row has answers that no row of the dataset has: Service, Warehouse." in finding.message
    assert plan.warnings[-1].severity is Severity.INFO


def test_a_declared_label_without_rows_is_known():
    labels = ("Planning", "Service", "Warehouse", "Legal")

    plan = plan_of(make_rows(40), other_rows("Legal"), labels=labels)

    assert found(plan, "VALIDATION_ANSWERS_NEW").rows == (1,)


def test_free_text_answers_are_not_compared():
    plan = plan_of(make_rows(40), other_rows("A text that no other row has."), task=Generation())

    assert not [item for item in plan.warnings if item.code.startswith("VALIDATION")]


def test_validation_rows_that_are_cut_are_named_apart_from_the_training_rows():
    long = Row(number=7, input="word " * 200, output="Service")

    plan = plan_of(make_rows(40), [long], max_input_tokens=20)

    assert found(plan, "VALIDATION_INPUT_CUT").rows == (7,)
    assert "1 validation rows have an input of more than 20 tokens" in found(plan, "VALIDATION_INPUT_CUT").message
    assert "INPUT_CUT" not in [item.code for item in plan.warnings]


def test_the_estimate_counts_the_validation_rows_by_number_and_by_length():
    rows = make_rows(40)
    tokens = plan_of(rows, (), num_epochs=1, validation_split=0.0, seconds_per_token=1.0).estimated_seconds
    price = (1 + 1 / 3) * len(rows) / tokens  # the rows are also examined once
    alone = (5 + 1 / 3) * len(rows)
    estimate = [
        plan_of(rows, validation_rows, num_epochs=5, seconds_per_token=price).estimated_seconds - alone
        for validation_rows in (
            [replace(row, input=f"Other {row.input}") for row in rows[:10]],
            [replace(row, input=f"Other {row.input}") for row in rows[:20]],
            [Row(number=place, input="word " * 60, output="Service") for place in range(10)],
        )
    ]

    assert estimate[1] == pytest.approx(2 * estimate[0], rel=0.02)
    assert estimate[2] > 3 * estimate[0]
