"""The corrections of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foreword.data.fixes.change import CERTAIN, ON_REQUEST, Change, ChangeLog
from foreword.data.fixes.file_fix import FixPlan, fixed_rows
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword_tasks.classification import Classification
from foreword_tasks.generation import Generation

TASKS = {task.id: task for task in (Classification(), Generation())}


def fix(
    rows: Iterable[Row], *, codes: Sequence[str] = tuple(CERTAIN), task: str = "", options: TaskOptions | None = None
) -> tuple[list[Row], list[Change]]:
    plan = FixPlan(codes=codes, task=task, tasks=TASKS, options=options or TaskOptions())
    with closing(ChangeLog()) as log, fixed_rows(rows, plan, log) as spool:
        return list(spool.rows()), list(log.changes())


def labelled(*outputs: str) -> list[Row]:
    return [Row(number=place, input=f"text {place}", output=output) for place, output in enumerate(outputs, 1)]


def outputs_after(*outputs: str, **options: object) -> list[str]:
    rows, _ = fix(labelled(*outputs), task="classification", **options)
    return [row.output for row in rows]


def test_each_change_names_row_column_before_after_and_code() -> None:
    rows, changes = fix([Row(number=7, input=" a\ufeff", output="x")], task="generation")

    assert rows == [Row(number=7, input="a", output="x")]
    assert changes == [Change(row=7, column="input", before=" a\ufeff", after="a", code="SURROUNDING_SPACE")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\N{SOFT HYPHEN}b\x07c", "abc"),
        ("e\N{ZERO WIDTH JOINER}f\tg\nh", "e\N{ZERO WIDTH JOINER}f\tg\nh"),  # these have a meaning
        ("\N{SOFT HYPHEN}", "\N{SOFT HYPHEN}"),  # nothing becomes empty
        ("  ", "  "),
    ],
)
def test_invisible_characters_are_removed_where_they_mean_nothing(before: str, after: str) -> None:
    ((row,), _) = fix([Row(number=1, input=before, output="x")], task="generation")

    assert row.input == after


def test_spellings_become_the_most_frequent_one() -> None:
    assert outputs_after("Return", "return", "RETURN", "Return", "Other") == ["Return"] * 4 + ["Other"]


def test_lists_that_were_written_as_text_become_label_sets() -> None:
    found = outputs_after("['A', 'B']", '["B", "C"]', "A", "B", "C", "A, C")

    assert found == ["A, B", "B, C", "A", "B", "C", "A, C"]


def test_another_separator_becomes_the_usual_one() -> None:
    assert outputs_after("A;B", "B;C", "A", "B", "C") == ["A, B", "B, C", "A", "B", "C"]
    assert outputs_after("A;B", "B;C", "A", options=TaskOptions(separator=";")) == ["A;B", "B;C", "A"]


def test_a_label_with_the_separator_in_it_is_not_torn_apart() -> None:
    outputs = ["Salem, OR;Reno, NV", "Reno, NV;Salem, OR", "Salem, OR", "Reno, NV"]

    assert outputs_after(*outputs) == outputs


def test_missing_values_are_removed_and_a_row_without_another_label() -> None:
    rows, changes = fix(labelled("A, nan", "A, B", "nan", "B", "A"), task="classification")

    assert [(row.number, row.output) for row in rows] == [(1, "A"), (2, "A, B"), (4, "B"), (5, "A")]
    assert [(change.row, change.column, change.after, change.remark) for change in changes] == [
        (1, "output", "A", ""),
        (3, None, None, "the output is 'nan'"),
    ]


def test_a_declared_label_is_not_a_missing_value() -> None:
    options = TaskOptions(labels=("None", "Some"), multi_label=False)

    assert outputs_after("None", "Some", options=options) == ["None", "Some"]


def test_rows_that_repeat_an_earlier_one_are_removed_after_the_other_corrections() -> None:
    rows = [Row(number=number, input="a", output=output) for number, output in enumerate(("X", "x ", "X", "Y"), 1)]

    kept, changes = fix(rows, task="classification")

    assert [row.number for row in kept] == [1, 4]
    removed = [change for change in changes if change.code == "DUPLICATE_ROWS"]
    assert [(change.row, change.remark) for change in removed] == [(2, "repeats row 1"), (3, "repeats row 1")]


def test_contradictions_stay() -> None:
    rows = [Row(number=1, input="a", output="X"), Row(number=2, input="a", output="Y")]

    assert fix(rows, task="classification") == (rows, [])


def test_generated_texts_are_no_labels() -> None:
    rows = labelled("['A', 'B']", "nan", "Yes", "yes", "A;B")

    assert fix(rows, task="generation") == (rows, [])


def test_labels_that_only_probably_mean_the_same_are_merged_on_request() -> None:
    outputs = ("1", "1.0", "1", "2")

    assert outputs_after(*outputs) == [*outputs]
    assert outputs_after(*outputs, codes=("LABELS_ALIKE",)) == ["1", "1", "1", "2"]


def test_only_named_corrections_are_made() -> None:
    rows = [Row(number=1, input=" a", output="X"), Row(number=2, input=" a", output="x"), *labelled("X")]

    kept, changes = fix(rows, task="classification", codes=("LABEL_SPELLING",))

    assert [row.input for row in kept] == [" a", " a", "text 1"]
    assert {change.code for change in changes} == {"LABEL_SPELLING"}


PIECES = st.sampled_from(
    [
        *("A", "a", "B", " b", "nan", "C\u00ad", "-", "1", "1.0", "\u00c1", "A\u0301"),
        *(", ", ",", ";", "|", "\n", "\ufeff", "['A', 'B']", "[]"),
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=4).map("".join)


@given(
    texts=st.lists(st.tuples(st.sampled_from([" x", "x", "y", "\u200bz", ""]), TEXTS), min_size=1, max_size=14),
    task=st.sampled_from(["", "classification", "generation"]),
    codes=st.sets(st.sampled_from([*CERTAIN, *ON_REQUEST]), min_size=1) | st.just(set(CERTAIN)),
)
def test_a_second_run_changes_nothing(texts, task, codes) -> None:
    rows = [Row(number=place, input=input, output=output) for place, (input, output) in enumerate(texts, 1)]
    kept, changes = fix(rows, task=task, codes=sorted(codes))

    assert fix(kept, task=task, codes=sorted(codes)) == (kept, [])
    assert _replayed(rows, changes) == kept
    assert len(kept) == len(rows) - sum(change.after is None for change in changes)


def _replayed(rows: Iterable[Row], changes: Iterable[Change]) -> list[Row]:
    """Return rows after the changes, which must start from what is there."""
    found = {row.number: {"input": row.input, "output": row.output} for row in rows}
    for change in changes:
        if change.column is None:
            assert found.pop(change.row)["input"] == change.before
        else:
            assert found[change.row][change.column] == change.before
            assert change.after is not None
            found[change.row][change.column] = change.after
    return [Row(number=number, **texts) for number, texts in found.items()]


def test_none_is_a_label_of_its_own_if_several_rows_have_it() -> None:
    few, several = ("None",) * 4, ("none", "NA") * 5

    assert outputs_after("A", "B", *few) == ["A", "B"]
    assert outputs_after("A", "B", *several) == ["A", "B", *several]
    assert outputs_after("A", "B", *several, codes=("NONE_AS_LABEL",)) == ["A", "B"]
    assert outputs_after("A", "B", *("nan",) * 9) == ["A", "B"]
