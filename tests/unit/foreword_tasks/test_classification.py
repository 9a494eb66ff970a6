"""Classification: reading labels, answers and metrics."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

from factories.tasks import answers
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.report import Matrix, Table
from foreword.errors import InvalidArgumentError
from foreword.plugin.interfaces import LabelSpace, Schema, Task
from foreword.plugin.register import Register
from foreword.samples import DEPARTMENTS, load_rows
from foreword_tasks.classification import Classification
from foreword_tasks.label_order import majority_order
from foreword_tasks.label_schema import LabelSchema
from foreword_tasks.plugin import register_tasks

TASK = Classification()
NAMES = ["Planning", "Warehouse", "L3", "Packaging"]


def rows(*outputs: str) -> list[Row]:
    return [Row(number=number, input=f"text {number}", output=output) for number, output in enumerate(outputs, 1)]


def fit(*outputs: str, **options: object) -> Schema:
    return TASK.fit(rows(*outputs), TaskOptions(**options))  # type: ignore[arg-type]  # options by name


def departments(**options: object) -> Schema:
    return fit("Planning, Warehouse", "Planning", "Warehouse", "L3", labels=tuple(NAMES), **options)


def test_the_plugin_registers_its_tasks_with_metrics_that_exist() -> None:
    register: Register[Task] = Register("task", lambda item: item.id)

    register_tasks(register)

    assert list(register.items) == ["classification", "generation", "summarization"]
    for task in register:
        assert task.main_metric in {metric.id for metric in task.metrics}


def test_the_schema_is_plain_json() -> None:
    schema = fit("A, B", "B", "A", "A")

    assert json.loads(json.dumps(schema)) == schema
    assert {key: schema[key] for key in ("labels", "multi_label", "separator", "label_sets")} == {
        "labels": ["A", "B"],
        "multi_label": True,
        "separator": ", ",
        "label_sets": [["A"], ["A", "B"], ["B"]],
    }


def test_the_sample_is_multi_label_with_the_departments_as_labels() -> None:
    schema = fit(*(row["output"] for row in load_rows("complaints")))

    assert schema["multi_label"] is True
    assert set(schema["labels"]) == set(DEPARTMENTS)
    assert len(schema["label_sets"]) == 18


@pytest.mark.parametrize(
    ("outputs", "multi_label"),
    [
        (["Warehouse, Packaging", "Warehouse", "Planning"], True),
        (["A, B", "A, C", "B, C"], True),
        (["A,B", "B", "A"], True),
        (["Portland, OR", "Salem, OR", "Seattle, WA", "Spokane, WA"], False),
        (["yes", "no"], False),
        (["yes, it is", "no"], False),
        ([], False),
    ],
)
def test_several_labels_per_row_are_recognised_by_parts_that_recur(outputs: list[str], multi_label: bool) -> None:
    assert fit(*outputs)["multi_label"] is multi_label


def test_options_override_what_the_data_shows() -> None:
    assert fit("A, B", "B", multi_label=False)["labels"] == ["A, B", "B"]
    assert fit("A | B", "B", "A", separator=" | ")["label_sets"] == [["A"], ["A", "B"], ["B"]]
    assert fit("yes", "no", multi_label=True)["multi_label"] is True
    assert fit("b, a", "a", labels=("b", "a", "c"))["labels"] == ["b", "a", "c"]


def test_labels_that_differ_by_case_or_spaces_are_one_in_their_most_frequent_spelling() -> None:
    schema = fit("Warehouse", "Warehouse", "warehouse ", "WAREHOUSE", "Level  3", "Level 3")

    assert schema["labels"] == ["Warehouse", "Level 3"]
    assert TASK.target("wareHouse", schema) == "Warehouse"


def test_the_order_that_most_rows_use_is_the_canonical_one() -> None:
    schema = fit(*["Planning, Development"] * 3, *["Development, Planning"] * 2, "Development")

    assert TASK.target("Development, Planning", schema) == "Planning, Development"
    assert schema["label_sets"] == [["Planning", "Development"], ["Development"]]


def test_declared_labels_set_the_order_whatever_the_rows_say() -> None:
    schema = fit(*["Planning, Development"] * 3, labels=("Development", "Planning"))

    assert TASK.target("Planning, Development", schema) == "Development, Planning"


def test_votes_that_contradict_each_other_are_settled_by_the_clearer_ones() -> None:
    votes = [(("A", "B"), 5), (("B", "C"), 3), (("C", "A"), 3), (("B", "C"), 1)]

    assert majority_order(votes) == ("A", "B", "C")


@given(
    st.lists(st.tuples(st.lists(st.sampled_from("ABCDEF"), unique=True), st.integers(1, 4)), max_size=30),
    st.randoms(use_true_random=False),
)
def test_the_canonical_order_does_not_depend_on_the_order_of_the_rows(
    votes: list[tuple[list[str], int]], random: object
) -> None:
    shuffled = list(votes)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # random.Random

    order = majority_order(votes)

    assert majority_order(shuffled) == order
    assert sorted(order) == sorted({label for labels, _ in votes for label in labels})


def test_thousands_of_labels_are_ordered_at_once() -> None:
    assert len(majority_order([([f"label {number}" for number in range(20_000)], 1)])) == 20_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ("A", "a ")}, "'a' is listed 2 times"),
        ({"labels": ("A", "")}, "empty label"),
        ({"labels": ("A, B", "C"), "multi_label": True}, "contains the separator"),
        ({"separator": ""}, "must not be empty"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        fit(**options)


def test_labels_that_are_not_declared_are_named_with_their_rows() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        fit("A", "B, C", "A, B", "C", labels=("A", "B"))

    (violation,) = caught.value.violations
    assert violation.field == "task_options.labels"
    assert violation.description.startswith("'C' (row 2, 4) is not a declared label")


def test_a_combination_is_refused_for_single_labels_with_the_remedy() -> None:
    with pytest.raises(InvalidArgumentError, match="or set `multi_label` to true"):
        fit("A, B", labels=("A", "B"), multi_label=False)


def test_the_label_space_is_that_of_the_schema() -> None:
    assert TASK.label_space(fit("b", "a", "b")) == LabelSpace(
        labels=("b", "a"), separator=", ", multi_label=False, label_sets=(("b",), ("a",))
    )


@pytest.mark.parametrize(
    "text",
    [
        "Planning, Warehouse",
        "warehouse,planning",
        "Warehouse and Planning.",
        "Warehouse, and Planning",
        " 'Planning' / \"Warehouse\" ",
        "Departments: Planning; Warehouse",
        "Planning & Warehouse\n\nInput: the next complaint",
        "Planning\nWarehouse",
        "Planning, Planning, Warehouse",
    ],
)
def test_free_text_that_lists_labels_is_an_answer_whatever_its_form(text: str) -> None:
    assert LabelSchema.from_json(departments()).parse_answer(text) == ("Planning", "Warehouse")


@pytest.mark.parametrize("text", ["", " ,.", "Sales", "Planning, Sales", "I think Planning", "Plan", "L"])
def test_free_text_that_contains_anything_else_is_no_answer(text: str) -> None:
    assert LabelSchema.from_json(departments()).parse_answer(text) is None


def test_several_labels_are_no_answer_where_one_is_allowed() -> None:
    schema = LabelSchema.from_json(fit("A", "B", "Research and Development"))

    assert schema.parse_answer("A, B") is None
    assert schema.parse_answer("research and development.") == ("Research and Development",)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    schema = departments()

    LabelSchema.from_json(schema).parse_answer(text)
    TASK.target(text, schema)


def test_scores_ignore_order_and_case_and_count_no_answer_as_wrong() -> None:
    scores = TASK.score(
        answers("warehouse, planning", "Planning", "gibberish", "L3"),
        ["Planning, Warehouse", "Planning, Warehouse", "L3", "L3"],
        departments(),
    )

    assert scores.metrics["exact_match"] == 0.5
    assert scores.metrics["accuracy"] == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert scores.metrics["micro_f1"] == pytest.approx(2 * 4 / (4 + 6))
    table, matrix = (part.content for part in scores.parts)
    assert isinstance(table, Table)
    assert table.rows[0] == ("Planning", "1.000", "1.000", "1.000", "2", "2")
    assert isinstance(matrix, Matrix)
    assert matrix.column_labels == ("Planning", "Warehouse", "L3", "(no answer)")
    assert matrix.values[2] == (0.0, 0.0, 1.0, 1.0)


def test_no_rows_score_nothing() -> None:
    assert set(TASK.score(answers(), [], departments()).metrics.values()) == {0.0}


def test_single_label_results_come_with_a_confusion_matrix() -> None:
    schema = fit("A", "B")

    scores = TASK.score(answers("A", "A", "B"), ["A", "B", "B"], schema)

    assert scores.metrics["exact_match"] == scores.metrics["accuracy"] == pytest.approx(2 / 3)
    part = scores.parts[1]
    assert part.id == "confusion"
    assert isinstance(part.content, Matrix)
    assert part.content.values == ((1.0, 0.0), (1.0, 1.0))


label_sets = st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(", ".join)


@given(st.lists(st.tuples(label_sets, label_sets), min_size=1))
def test_metrics_are_those_of_scikit_learn(pairs: Sequence[tuple[str, str]]) -> None:
    predictions, references = ([pair[side] for pair in pairs] for side in (0, 1))
    occurring = sorted({label for pair in pairs for text in pair for label in text.split(", ")})
    binarizer = MultiLabelBinarizer(classes=occurring)
    predicted, due = (
        binarizer.fit_transform([text.split(", ") for text in texts]) for texts in (predictions, references)
    )

    metrics = TASK.score(answers(*predictions), references, departments()).metrics

    assert metrics["exact_match"] == pytest.approx(accuracy_score(due, predicted))
    assert metrics["micro_f1"] == pytest.approx(f1_score(due, predicted, average="micro", zero_division=0))
    assert metrics["macro_f1"] == pytest.approx(f1_score(due, predicted, average="macro", zero_division=0))


def test_each_label_outside_the_schema_is_wrong_and_all_of_them_count_as_one_label() -> None:
    schema = fit("A", "B")
    found = answers("A", "B", "B", "A")
    references = ["A", "B", "C", "D"]

    metrics = TASK.score(found, references, schema).metrics
    own = TASK.score(found, references, TASK.evaluation_schema(rows(*references), [schema])).metrics

    assert metrics["exact_match"] == own["exact_match"] == 0.5
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert own["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 0 + 0) / 4)


def test_models_are_compared_on_all_their_labels_and_those_of_the_rows() -> None:
    first = fit("B", "A + B", "A", labels=("B", "A"), multi_label=True, separator=" + ")
    second = fit("a", "C", "D")

    common = TASK.evaluation_schema(rows("E", "A", "E + F"), [first, second])

    assert common["labels"] == ["B", "A", "C", "D", "E", "F"]
    assert (common["multi_label"], common["separator"]) == (True, " + ")
    assert common["label_sets"] == first["label_sets"]
    assert TASK.score(answers("e + F"), ["F + E"], common).metrics["exact_match"] == 1.0


def test_without_models_the_labels_are_those_of_the_rows() -> None:
    assert TASK.evaluation_schema(rows("A", "B", "A, B"), []) == fit("A", "B", "A, B")


def test_a_schema_of_a_thousand_labels_has_statistics_for_each_of_them() -> None:
    names = tuple(f"label {number}" for number in range(1_000))
    schema = fit(*names)
    answer = answers("label 7")[0]

    statistics = [TASK.row_statistics(answer, "label 7", schema) for _ in range(3)]

    assert {len(row) for row in statistics} == {3 + 3 * 1_001}
    assert TASK.metrics_of_sums(statistics[0], schema)["macro_f1"] == 1.0


@pytest.mark.parametrize("text", ["A", "a.", ' "A" ', "Label: A", "A\nbecause"])
def test_texts_that_name_the_same_labels_are_read_as_one_answer(text: str):
    schema = fit("A", "B", "A, B")

    assert TASK.read_answer(text, schema) == "A"
    assert TASK.read_answer("B and A", schema) == "A, B"
    assert TASK.read_answer(" none of them ", schema) == "none of them"
