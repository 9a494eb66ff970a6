"""Comparison of experiments: differing fields, held-out rows and warnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from factories.stored import MOMENT, make_config, make_evaluation, make_plan
from foreword.domain.comparison import ComparedRun, Comparison, RowOverlap, compare
from foreword.domain.dataset import Dataset
from foreword.domain.differing_fields import DifferingField, differing_fields
from foreword.domain.experiment import ExperimentConfig, Progress, TaskOptions, TuneExperiment
from foreword.domain.job import JobState
from foreword.domain.report import Severity


def experiment(id: str = "a", *, plan: Mapping[str, Any] | None = None, **config: Any) -> TuneExperiment:
    """Return a succeeded experiment.

    Args:
        plan: Fields of the plan, or of its parameters.
        config: Fields of the configuration.
    """
    values = dict(plan or {})
    own = {name: values.pop(name) for name in tuple(values) if hasattr(make_plan(), name)}
    planned = replace(make_plan(), **own)
    planned = replace(planned, parameters=replace(planned.parameters, **values))
    configured: ExperimentConfig = replace(make_config("data"), **config)
    return TuneExperiment(
        tenant="acme",
        id=id,
        display_name=f"Run {id}",
        description="",
        config=configured,
        plan=planned,
        state=JobState.SUCCEEDED,
        failure=None,
        progress=Progress(),
        snapshots=(),
        last_sequence=0,
        evaluations=(),
        curve_advice="",
        tuned_model="m",
        compute_seconds=36.0,
        wait_seconds=0.0,
        creator="key-1",
        create_time=MOMENT,
        update_time=MOMENT,
        start_time=MOMENT,
        end_time=MOMENT,
    )


def differences(*experiments: TuneExperiment) -> dict[str, list[Any]]:
    fields, omitted = differing_fields(experiments)
    assert omitted == 0
    return {field.path: [value.value for value in field.values] for field in fields}


def sources(fields: tuple[DifferingField, ...], path: str) -> list[str]:
    return next([value.source for value in field.values] for field in fields if field.path == path)


def test_equal_experiments_differ_in_nothing() -> None:
    assert differences(experiment("a"), experiment("b"), experiment("c")) == {}


def test_a_difference_has_the_value_and_the_source_of_each_experiment() -> None:
    planned = make_plan()
    changed = experiment("b", plan={"learning_rate": 0.01, "sources": {**planned.sources, "learning_rate": "set"}})

    fields, _ = differing_fields([experiment("a"), changed])

    assert [field.path for field in fields] == ["parameters.learning_rate"]
    assert [(value.value, value.source) for value in fields[0].values] == [(0.3, "recipe"), (0.01, "set")]


def test_a_value_that_one_sets_and_another_takes_from_the_recipe_is_no_difference() -> None:
    changed = experiment("b", plan={"sources": {**make_plan().sources, "learning_rate": "set"}})

    assert differences(experiment("a"), changed) == {}


def test_fields_are_in_the_order_of_the_api_wherever_they_first_occur() -> None:
    first = experiment("a", verbalizer="{{input}}")
    second = experiment(
        "b",
        base_model="acme--other",
        dataset="other",
        validation_dataset="held-out",
        task="generation",
        task_options=TaskOptions(extra={"style": "short"}),
        tuning_type="ia3",
        verbalizer="Classify: {{input}}",
        instruction="",
        evaluate_base=False,
        plan={
            "labels": (),
            "training_row_count": 200,
            "num_virtual_tokens": None,
            "refit": True,
            "method_parameters": {"depth": 3},
        },
    )

    found = differences(first, second)

    assert found == {
        "base_model": ["baseModels/foreword--starter", "baseModels/acme--other"],
        "dataset": ["tenants/acme/datasets/data", "tenants/acme/datasets/other"],
        "validation_dataset": [None, "tenants/acme/datasets/held-out"],
        "task": ["classification", "generation"],
        "task_options.labels": [["Warehouse", "Packaging"], None],
        "task_options.multi_label": [True, None],
        "task_options.extra.weight": [1.5, None],
        "task_options.extra.style": [None, "short"],
        "tuning_type": ["prompt_tuning", "ia3"],
        "verbalizer": ["{{input}}", "Classify: {{input}}"],
        "instruction": ["Classify the complaint.", None],
        "evaluate_base": [True, False],
        "parameters.num_virtual_tokens": [50, None],
        "parameters.refit": [False, True],
        "parameters.method_parameters.depth": [None, 3],
        "plan.training_row_count": [160, 200],
    }
    assert list(found)[:4] == ["base_model", "dataset", "validation_dataset", "task"]
    assert list(found)[-2:] == ["parameters.method_parameters.depth", "plan.training_row_count"]


def test_true_and_one_differ() -> None:
    one, true = (experiment("a", plan={"method_parameters": {"flag": value}}) for value in (1, True))

    assert differences(one, true) == {"parameters.method_parameters.flag": [1, True]}


def test_labels_say_whether_they_were_set_or_read_from_the_data() -> None:
    derived = experiment("b", task_options=TaskOptions(), plan={"labels": ("L3",)})

    fields, _ = differing_fields([experiment("a"), derived])

    assert sources(fields, "task_options.labels") == ["set", "data"]


def test_long_texts_start_shortly_before_their_first_difference() -> None:
    first, second = (experiment("a", verbalizer="same " * 2_000 + end + " {{input}}") for end in ("one", "two"))

    shown = differences(first, second)["verbalizer"]

    assert shown[0].startswith("[...] same same")
    assert shown[0].endswith("one {{input}}")
    assert shown[1].endswith("two {{input}}")
    assert max(map(len, shown)) < 100


def test_long_lists_start_shortly_before_their_first_difference_and_are_cut() -> None:
    labels = tuple(f"Department {number:04}" for number in range(1_000))
    changed = (*labels[:500], "Another department", *labels[501:])

    shown = differences(experiment("a", plan={"labels": labels}), experiment("b", plan={"labels": changed}))

    one, other = shown["task_options.labels"]
    assert one[:4] == ["[...]", "Department 0498", "Department 0499", "Department 0500"]
    assert other[3] == "Another department"
    assert one[-1] == "[...]"
    assert sum(map(len, one)) <= 1_020


def test_a_long_object_becomes_a_text_around_the_difference() -> None:
    one, other = (
        experiment("a", plan={"method_parameters": {"layers": {"text": "x" * 5_000, "end": end}}}) for end in (1, 2)
    )

    shown = differences(one, other)["parameters.method_parameters.layers"]

    assert shown[0].endswith('"end": 1}')
    assert shown[1].endswith('"end": 2}')


def test_fields_beyond_the_limit_are_counted() -> None:
    one, other = (experiment("a", plan={"learning_rate": rate, "batch_size": size}) for rate, size in ((1, 2), (3, 4)))

    fields, omitted = differing_fields([one, other], max_bytes=150)

    assert [field.path for field in fields] == ["parameters.batch_size"]
    assert omitted == 1


def dataset(id: str, content: str = "") -> Dataset:
    return Dataset(
        tenant="acme",
        id=id,
        display_name=id,
        description="",
        version=1,
        artifact=id,
        content_sha256=content or id,
        blocks_sha256="",
        row_count=200,
        byte_size=20_000,
        report=None,
        creator="key-1",
        create_time=MOMENT,
    )


DATASETS = {id: dataset(id) for id in ("data", "other", "held-out")} | {
    "copy": dataset("copy", "data"),
    "held-out copy": dataset("held-out copy", "held-out"),
    "gone": None,
}


def compared(
    *experiments: TuneExperiment, overlaps: Mapping[str, RowOverlap] | None = None, **results: Any
) -> Comparison:
    """Return a comparison; results have the names of the experiments' ids, and are those of the factory by default."""
    runs = [
        ComparedRun(experiment=item, result=results.get(item.id, make_evaluation()), curve=()) for item in experiments
    ]
    return compare(runs, DATASETS, overlaps or {})


def codes(comparison: Comparison) -> list[str]:
    return [finding.code for finding in comparison.findings]


SEEDED = {"plan": {"seed": 1}}


@pytest.mark.parametrize(
    ("changed", "groups"),
    [
        ({"dataset": "copy"}, (1, 1)),
        ({"plan": {"learning_rate": 1.0}}, (1, 1)),
        ({"dataset": "other"}, (1, 2)),
        ({"plan": {"seed": 1}}, (1, 2)),
        ({"plan": {"seed": 1, "split_seed": 0}}, (1, 1)),
        ({"plan": {"validation_split": 0.1}}, (1, 2)),
        ({"plan": {"schema": {"labels": ["Packaging", "Warehouse"]}}}, (1, 2)),
        ({"validation_dataset": "held-out"}, (1, 2)),
        ({"plan": {"validation_row_count": 0}}, (1, 0)),
    ],
)
def test_held_out_rows_are_the_same_if_all_that_chooses_them_is(
    changed: dict[str, Any], groups: tuple[int, ...]
) -> None:
    found = compared(experiment("a"), experiment("b", **changed))

    assert found.held_out_groups == groups
    assert ("HELD_OUT_ROWS_DIFFER" in codes(found)) == (2 in groups)


def test_validation_datasets_with_the_same_content_have_the_same_held_out_rows() -> None:
    first = experiment("a", validation_dataset="held-out")
    second = experiment("b", validation_dataset="held-out copy", dataset="other", plan={"seed": 5})

    assert compared(first, second).held_out_groups == (1, 1)


def test_the_warning_about_held_out_rows_names_the_experiments_and_the_remedy() -> None:
    others = [experiment(id, **SEEDED) for id in ("b", "d", "e")]
    found = compared(experiment("a"), *others, experiment("c"))

    (finding,) = found.findings
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("Run b, Run d and Run e have other held-out rows than Run a")
    assert "validation_dataset" in finding.remedy


def test_other_metrics_and_other_labels_are_warned_of() -> None:
    other = replace(make_evaluation(), main_metric="rouge_l")
    found = compared(experiment("a"), experiment("b", plan={"labels": ("L3",)}), b=other)

    assert codes(found) == ["MAIN_METRICS_DIFFER", "LABELS_DIFFER"]
    assert "exact_match, rouge_l" in found.findings[0].message


def test_missing_results_are_named_with_what_to_do() -> None:
    running = replace(experiment("b"), state=JobState.RUNNING)
    failed = replace(experiment("b"), state=JobState.FAILED)

    (waiting,) = compared(experiment("a"), running, b=None).findings
    (ended,) = compared(experiment("a"), failed, b=None).findings

    assert (waiting.code, waiting.message) == ("NO_HELD_OUT_RESULTS", "Run b has no held-out results yet.")
    assert waiting.remedy
    assert "failed" in ended.message
    assert not ended.remedy


def test_datasets_are_listed_once_with_what_they_have_in_common_with_the_first() -> None:
    overlap = RowOverlap(shared=180, added=20, removed=20, relabelled=5)
    found = compared(experiment("a"), experiment("b", dataset="other"), experiment("c"), overlaps={"other": overlap})

    assert [(item.id, item.overlap) for item in found.datasets] == [("data", None), ("other", overlap)]
    assert codes(found) == ["HELD_OUT_ROWS_DIFFER"]


def test_deleted_datasets_and_rows_that_were_not_compared_are_reported() -> None:
    deleted = compared(experiment("a"), experiment("b", dataset="gone"))
    left_out = compared(experiment("a"), experiment("b", dataset="other"))

    assert codes(deleted) == ["HELD_OUT_ROWS_DIFFER", "DATASET_DELETED"]
    assert codes(left_out) == ["HELD_OUT_ROWS_DIFFER", "ROWS_NOT_COMPARED"]
    assert "50,000 rows or 16 MB" in left_out.findings[1].message


def test_experiments_on_the_same_deleted_dataset_still_have_the_same_held_out_rows() -> None:
    assert compared(experiment("a", dataset="gone"), experiment("b", dataset="gone")).held_out_groups == (1, 1)
