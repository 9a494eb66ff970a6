"""The findings of classification about the labels of a file."""

from __future__ import annotations

import pytest

from factories.tasks import checked
from foreword.domain.dataset import Row
from foreword.domain.experiment import TaskOptions
from foreword.domain.labels.edit_distance import within_distance
from foreword.domain.report import Finding, Matrix, ReportPart, Severity, Table
from foreword.samples import load_rows
from foreword_tasks.classification import Classification

TASK = Classification()


def check(counts: dict[str, int], **options: object) -> tuple[dict[str, Finding], dict[str, ReportPart]]:
    outputs = [output for output, count in counts.items() for _ in range(count)]
    rows = [Row(number=number, input=f"text {number}", output=output) for number, output in enumerate(outputs, 1)]
    findings, parts = checked(TASK, rows, TaskOptions(**options))  # type: ignore[arg-type]  # by name
    return {finding.code: finding for finding in findings}, {part.id: part for part in parts}


def crowding(counts: dict[str, int]) -> list[str]:
    finding = check(counts)[0].get("LABEL_CROWDS_OUT")
    return [finding.message] if finding else []


def test_the_good_sample_draws_no_warning() -> None:
    counts: dict[str, int] = {}
    for row in load_rows("complaints"):
        counts[row["output"]] = counts.get(row["output"], 0) + 1

    assert [finding.code for finding in check(counts)[0].values() if finding.severity > Severity.INFO] == []


def test_a_single_label_one_and_a_half_times_as_frequent_as_a_combination_crowds_it_out() -> None:
    (message,) = crowding({"Warehouse": 8, "Warehouse, Packaging": 5, "Packaging": 5})

    assert message.startswith("8 rows have only the label 'Warehouse', against 5 'Warehouse, Packaging'")


@pytest.mark.parametrize(
    "counts",
    [
        {"Warehouse": 3, "Warehouse, Packaging": 16, "Packaging": 8},
        {"Planning": 17, "Planning, Marketing": 14, "Planning, Warehouse": 19, "Warehouse": 3},
        {"Planning": 7, "Planning, Marketing": 5, "Marketing": 5},
    ],
    ids=["combination prevails", "close to even", "one or two rows more"],
)
def test_a_single_label_about_as_frequent_as_its_combinations_crowds_nothing_out(counts: dict[str, int]) -> None:
    assert crowding(counts) == []


def test_a_combination_that_is_an_exception_is_rare_but_not_crowded_out() -> None:
    findings = check({"Planning": 30, "Packaging": 30, "Planning, Packaging": 2})[0]

    assert "LABEL_CROWDS_OUT" not in findings
    assert findings["LABEL_SETS_RARE"].severity is Severity.INFO
    assert "'Planning, Packaging' (2)" in findings["LABEL_SETS_RARE"].message


def test_the_order_in_which_rows_list_labels_does_not_hide_a_crowded_combination() -> None:
    (message,) = crowding({"A": 12, "A, B": 3, "B, A": 2, "B": 4})

    assert "12 rows have only the label 'A', against 5 'A, B'" in message


def test_labels_with_few_or_no_rows_are_listed_with_their_counts() -> None:
    finding = check({"A": 9, "B": 4, "C": 1}, labels=("A", "B", "C", "D"))[0]["LABEL_TOO_FEW_ROWS"]

    assert finding.severity is Severity.WARNING
    assert "'D' (0), 'C' (1), 'B' (4)." in finding.message
    assert finding.rows == (10, 11, 12, 13, 14)


def test_labels_that_differ_by_case_or_spaces_are_named() -> None:
    finding = check({"Warehouse": 9, "warehouse": 2, "Planning": 9})[0]["LABEL_SPELLING"]

    assert "'warehouse' (2) differs from 'Warehouse' (9)" in finding.message
    assert finding.rows == (10, 11)


def test_labels_in_another_order_are_a_note_with_the_chosen_order() -> None:
    finding = check({"A, B": 6, "B, A": 2, "A": 6, "B": 6})[0]["LABEL_ORDER"]

    assert finding.severity is Severity.INFO
    assert "(A, B)" in finding.message
    assert finding.rows == (7, 8)


def test_a_label_named_twice_in_a_row_is_a_warning() -> None:
    assert check({"A, B": 6, "A, A": 1, "A": 6, "B": 6})[0]["LABEL_REPEATED"].rows == (7,)


@pytest.mark.parametrize(
    ("slip", "label"), [("Warehose", "Warehouse"), ("Developmnet", "Development"), ("Sale", "Sales")]
)
def test_labels_that_look_like_one_are_named(slip: str, label: str) -> None:
    finding = check({label: 20, slip: 5, "Other": 9})[0]["LABELS_SIMILAR"]

    assert f"'{slip}' (5 rows) and '{label}' (20 rows)" in finding.message


@pytest.mark.parametrize("pair", [("Level 1", "Level 2"), ("L1", "L3"), ("Paid", "Unpaid"), ("0", "1"), ("yes", "no")])
def test_short_names_and_numbered_ones_are_not_taken_for_misspellings(pair: tuple[str, str]) -> None:
    assert "LABELS_SIMILAR" not in check(dict.fromkeys(pair, 20))[0]


def test_one_label_only_and_free_text_are_warned_about() -> None:
    assert "ONE_LABEL" in check({"A": 20})[0]
    assert "TOO_MANY_LABELS" in check({f"Answer number {number}": 1 for number in range(30)})[0]


def test_how_outputs_were_read_is_shown_unless_it_was_set() -> None:
    counts = {"A, B": 6, "A": 6, "B": 6}

    assert "READ_AS_MULTI_LABEL" in check(counts)[0]
    assert "READ_AS_MULTI_LABEL" not in check(counts, multi_label=True)[0]
    assert "READ_AS_SINGLE_LABEL" in check({"Portland, OR": 6, "Salem, OR": 6})[0]
    assert "READ_AS_SINGLE_LABEL" not in check({"Portland": 6, "Salem": 6})[0]


@pytest.mark.parametrize("separator", [";", "|", " / ", " & ", "\n"])
def test_labels_joined_with_another_usual_separator_are_remarked_with_their_rows(separator: str) -> None:
    outputs = {"A": 2, "B": 2, f"A{separator}B": 2}

    finding = check(outputs)[0]["OTHER_SEPARATOR"]

    mark = separator.strip() or separator
    assert finding.severity is Severity.WARNING
    assert repr(mark) in finding.message
    assert repr(mark) in finding.remedy
    assert finding.rows == (5, 6)
    assert "OTHER_SEPARATOR" not in check(outputs, separator=separator)[0]
    assert "OTHER_SEPARATOR" not in check(outputs, multi_label=False)[0]
    assert "OTHER_SEPARATOR" not in check({f"Portland{separator}OR": 6, f"Salem{separator}OR": 6, "A": 2})[0]


@pytest.mark.parametrize("separator", ["\n", " "], ids=["line end", "space"])
def test_a_separator_of_whitespace_is_found_only_in_outputs_that_contain_it(separator: str) -> None:
    outputs = {"Portland": 6, "Salem": 6, f"Bend{separator}Oregon": 2}

    assert "READ_AS_SINGLE_LABEL" not in check({"Portland": 6, "Salem": 6}, separator=separator)[0]
    assert check(outputs, separator=separator)[0]["READ_AS_SINGLE_LABEL"].rows == (13, 14)


def test_the_report_has_label_counts_label_sets_and_co_occurrence() -> None:
    parts = check({"A, B": 3, "B, A": 2, "A": 4, "C": 1})[1]

    table, sets, matrix = (parts[id].content for id in ("label_counts", "label_sets", "co_occurrence"))
    assert isinstance(table, Table)
    assert table.columns == ("label", "rows", "share", "alone", "with others")
    assert table.rows[0] == ("A", "9", "90.0 %", "4", "5")
    assert isinstance(sets, Table)
    assert sets.rows == (("A, B", "5", "50.0 %"), ("A", "4", "40.0 %"), ("C", "1", "10.0 %"))
    assert isinstance(matrix, Matrix)
    assert matrix.row_labels == ("A", "B", "C")
    assert matrix.values == ((9.0, 5.0, 0.0), (5.0, 5.0, 0.0), (0.0, 0.0, 1.0))


def test_single_label_data_has_a_label_table_only() -> None:
    assert list(check({"A": 9, "B": 9})[1]) == ["label_counts"]


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("abc", "abc", 0), ("abc", "acb", 2)],
)
def test_edit_distance_is_levenshteins(first: str, second: str, distance: int) -> None:
    assert within_distance(first, second, distance)
    assert distance == 0 or not within_distance(first, second, distance - 1)


def test_texts_that_are_too_long_for_labels_are_not_compared() -> None:
    long = "word " * 20_000

    assert "LABELS_SIMILAR" in check({"Warehouse": 9, "Warehose": 1})[0]
    assert "LABELS_SIMILAR" not in check({f"{long}a": 9, f"{long}b": 1})[0]


@pytest.mark.parametrize(
    ("label", "other", "reason"),
    [
        ("1", "1.0", "the form of the number"),
        ("Yes", "Yes.", "punctuation, hyphens or spaces"),
        ("No", '"No"', "punctuation, hyphens or spaces"),
        ("not_spam", "not spam", "punctuation, hyphens or spaces"),
        ("Planning, Packaging", "Packaging, Planning", "the order of their parts"),
        ("COP", "\u0421OP", "letters of another script that look alike"),
        ("A1", "\uff211", "the Unicode form of a character"),
    ],
)
def test_different_labels_that_probably_mean_the_same_are_named_with_their_rows(
    label: str, other: str, reason: str
) -> None:
    finding = check({label: 6, other: 5, "Something else": 6})[0]["LABELS_ALIKE"]

    assert finding.severity is Severity.WARNING
    assert f"(5 rows) and '{label}' (6 rows) differ only in {reason}" in finding.message
    assert f"Write '{label}' in all of these rows" in finding.remedy
    assert (finding.rows, finding.row_count) == ((7, 8, 9, 10, 11), 5)


@pytest.mark.parametrize(
    ("label", "other", "shown"),
    [("Caf\u00e9", "Cafe\u0301", "Cafe<U+0301>"), ("Warehouse", "Ware\u200bhouse", "Ware<U+200B>house")],
)
def test_labels_that_look_the_same_count_as_one_and_the_difference_is_shown(label: str, other: str, shown: str) -> None:
    findings, parts = check({label: 9, other: 2, "Planning": 9})

    assert f"'{shown}' (2) differs from '{label}' (9)" in findings["LABEL_SPELLING"].message
    assert findings["LABEL_SPELLING"].rows == (10, 11)
    table = parts["label_counts"].content
    assert isinstance(table, Table)
    assert [row[:2] for row in table.rows] == [(label, "11"), ("Planning", "9")]


@pytest.mark.parametrize("text", ["nan", "None", "NULL", "N/A", "#REF!", "-"])
def test_a_label_that_stands_for_a_missing_value_is_a_warning(text: str) -> None:
    finding = check({"Warehouse": 9, "Planning": 9, text: 5})[0]["MISSING_VALUE_AS_LABEL"]

    assert (finding.severity, finding.rows) == (Severity.WARNING, (19, 20, 21, 22, 23))
    assert f"'{text}' (5 rows)" in finding.message


@pytest.mark.parametrize("pattern", ["['{}', '{}']", '["{}", "{}"]', "('{}', '{}')", "['{}' '{}']"])
def test_lists_written_as_text_are_a_warning_that_shows_the_text_to_write(pattern: str) -> None:
    pairs = (("Planning", "Packaging"), ("Planning", "Service"), ("Service", "Packaging"))
    findings = check({**{pattern.format(*pair): 6 for pair in pairs}, "Service": 6})[0]

    assert findings["LISTS_AS_TEXT"].severity is Severity.WARNING
    assert "Write 'Planning, Packaging' instead of" in findings["LISTS_AS_TEXT"].remedy
    assert findings["LISTS_AS_TEXT"].row_count == 18
    assert not findings.keys() & {"READ_AS_MULTI_LABEL", "READ_AS_SINGLE_LABEL", "OTHER_SEPARATOR"}


@pytest.mark.parametrize(
    "pair",
    [
        *[("Type A", "Type B"), ("Phase II", "Phase III"), ("Internal", "External"), ("Complete", "Incomplete")],
        *[("Sent", "Send"), ("A+", "A-"), ("1", "-1"), ("<18", ">18"), ("C++", "C#"), ("L2", "L3")],
    ],
)
def test_labels_that_differ_in_meaning_draw_no_finding_though_they_look_similar(pair: tuple[str, str]) -> None:
    assert check({pair[0]: 40, pair[1]: 6})[0].keys() <= {"READ_AS_SINGLE_LABEL"}
