"""The picture of a dataset."""

from __future__ import annotations

import sys

import pytest

from foreword.client.dataset_picture import draw_dataset
from foreword.domain.report import DataReport, Finding, Histogram, Matrix, ReportPart, Severity, Table
from foreword.errors import FailedPreconditionError, InvalidArgumentError

LENGTHS = Histogram(unit="characters", edges=(0.0, 10.0, 20.0), counts=(3, 4))


def table(*rows: tuple[str, ...], alone: bool = True) -> ReportPart:
    columns = ("label", "rows", "share", "alone", "with others")[: 5 if alone else 3]
    return ReportPart(id="label_counts", title="Rows by label", content=Table(columns=columns, rows=rows))


def matrix(*values: tuple[float, ...], labels: tuple[str, ...]) -> ReportPart:
    content = Matrix(row_labels=labels, column_labels=labels, values=values)
    return ReportPart(id="co_occurrence", title="Rows with both labels", content=content)


def lengths(*columns: str) -> list[ReportPart]:
    return [ReportPart(id=f"{column}_lengths", title=f"Length of {column}s", content=LENGTHS) for column in columns]


def report(*parts: ReportPart, findings: tuple[Finding, ...] = ()) -> DataReport:
    return DataReport(row_count=7, usable_row_count=7, parts=parts, findings=findings)


def test_labels_come_by_frequency_with_how_often_they_are_alone(tmp_path) -> None:
    parts = (
        table(("A", "3", "", "1", "2"), ("B", "1,200", "", "1,198", "2")),
        matrix((3.0, 2.0), (2.0, 1200.0), labels=("A", "B")),
        *lengths("input", "output"),
    )

    figure = draw_dataset(report(*parts), tmp_path / "rows.png", title="rows.jsonl")

    labels, together, input, output = figure.axes
    assert [label.get_text() for label in labels.get_yticklabels()] == ["B", "A"]
    assert [text.get_text() for text in labels.texts] == ["1,200", "3"]
    assert [[bar.get_width() for bar in bars] for bars in labels.containers] == [[1198, 1], [2, 2]]
    assert [label.get_text() for label in together.get_yticklabels()] == ["B", "A"]
    assert [text.get_text() for text in together.texts] == ["2", "2"]  # not the diagonal
    assert [bar.get_height() for bar in input.patches] == [3, 4]
    assert output.get_xlabel() == "output length in characters"
    assert figure.get_suptitle() == "rows.jsonl: 7 rows, 2 labels"
    assert (tmp_path / "rows.png").stat().st_size > 10_000


def test_single_labels_have_no_matrix_and_warnings_are_counted() -> None:
    warning = Finding(severity=Severity.WARNING, code="X", message="")

    figure = draw_dataset(report(table(("A", "3", ""), ("B", "4", ""), alone=False), findings=(warning,)))

    (labels,) = figure.axes
    assert len(labels.containers) == 1
    assert labels.get_legend() is None
    assert figure.get_suptitle() == "7 rows, 2 labels, 1 warning"


def test_of_many_labels_the_most_frequent_are_drawn_and_long_names_differ() -> None:
    names = [f"a very long beginning of a label, number {place}" for place in range(40)]
    parts = table(*((name, str(place + 1), "") for place, name in enumerate(names)), alone=False)

    (labels,) = draw_dataset(report(parts)).axes

    shown = [label.get_text() for label in labels.get_yticklabels()]
    assert len(shown) == len(set(shown)) == 30
    assert shown[0].endswith("number 39")
    assert max(map(len, shown)) <= 26
    assert labels.get_xlabel() == "rows by label (the 30 most frequent labels of 40)"


def test_generated_texts_have_only_lengths() -> None:
    assert [axes.get_ylabel() for axes in draw_dataset(report(*lengths("input"))).axes] == ["rows"]


def test_what_cannot_be_drawn_is_said(tmp_path, monkeypatch) -> None:
    with pytest.raises(FailedPreconditionError, match="neither labels nor lengths to draw"):
        draw_dataset(report())
    with pytest.raises(InvalidArgumentError, match="must end in one of"):
        draw_dataset(report(*lengths("input")), tmp_path / "rows.txt")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "foreword.client.curve_figure", raising=False)
    with pytest.raises(FailedPreconditionError, match="Drawing a dataset needs matplotlib"):
        draw_dataset(report(*lengths("input")))
