"""The picture and the frames of an evaluation."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from factories.evaluations import SYSTEMS, make_evaluation, make_row
from foreword.client import frames
from foreword.client.evaluation_picture import draw_evaluation
from foreword.client.system_name import system_name
from foreword.domain.report import Calibration, CalibrationBin
from foreword.errors import FailedPreconditionError
from foreword.v1 import evaluation_pb2


def test_every_system_has_its_value_and_interval_and_those_with_probabilities_a_curve(tmp_path) -> None:
    figure = draw_evaluation(make_evaluation(), tmp_path / "evaluation.png")

    metric, reliability = figure.axes
    assert [label.get_text() for label in metric.get_yticklabels()] == [
        "tuned",
        "base model,\nzero-shot",
        "base model,\nthree-shot",
        "base model,\nzero-shot, labels only",
        "base model,\nthree-shot, labels only",
    ]
    intervals = [line.get_xdata().tolist() for line in metric.lines if len(line.get_xdata()) == 2]
    assert intervals[0] == pytest.approx([0.66, 0.79])
    assert [text.get_text() for text in metric.texts][:2] == ["0.720", "0.240"]
    assert metric.get_xlabel() == "exact set match on 200 rows, 95 % intervals"
    (legend,) = [item for item in reliability.get_children() if type(item).__name__ == "Legend"]
    assert [text.get_text() for text in legend.get_texts()] == [
        "tuned, ECE 0.030",
        "base model,\nzero-shot, labels only, ECE 0.180",
        "base model,\nthree-shot, labels only, ECE 0.230",
    ]
    assert [len(line.get_xdata()) for line in reliability.lines] == [2, 10, 10, 10]
    # A system has the same colour in both panels.
    assert reliability.lines[1].get_color() == metric.lines[0].get_color()
    assert (tmp_path / "evaluation.png").stat().st_size > 10_000


def test_few_rows_make_few_points_of_at_least_five_rows() -> None:
    evaluation = make_evaluation()
    bins = tuple(
        CalibrationBin(mean_probability=0.1 * place, accuracy=float(place % 2), row_count=1) for place in range(7)
    )
    first = replace(evaluation.results[0], calibration=Calibration(expected_calibration_error=0.2, bins=bins))

    _, reliability = draw_evaluation(replace(evaluation, results=(first,))).axes

    ((probability, share),) = reliability.lines[1].get_xydata().tolist()
    assert (probability, share) == (pytest.approx(0.3), pytest.approx(3 / 7))


def test_without_probabilities_there_is_one_panel() -> None:
    evaluation = make_evaluation()
    results = tuple(replace(item, calibration=None) for item in evaluation.results)

    assert len(draw_evaluation(replace(evaluation, results=results)).axes) == 1


def test_an_evaluation_without_results_cannot_be_drawn() -> None:
    with pytest.raises(FailedPreconditionError, match=r"has no results\. Wait until it has ended"):
        draw_evaluation(make_evaluation(state=evaluation_pb2.Evaluation.STATE_RUNNING))


def test_without_matplotlib_the_remedy_is_named(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "foreword.client.curve_figure", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(FailedPreconditionError, match=r"Drawing an evaluation needs matplotlib.*\[plot\]'"):
        draw_evaluation(make_evaluation())


def test_results_have_a_row_per_system_and_the_ends_of_intervals() -> None:
    table = frames.results(make_evaluation())

    assert list(table.index) == list(SYSTEMS)
    assert list(table.columns)[:4] == [
        "exact_set_match", "exact_set_match_lower", "exact_set_match_upper", "macro_f1",
    ]  # fmt: skip
    assert table.loc["tuned", ["exact_set_match", "exact_set_match_lower", "exact_set_match_upper"]].tolist() == (
        pytest.approx([0.72, 0.66, 0.79])
    )
    assert table["expected_calibration_error"].isna().tolist() == [False, True, True, False, False]
    assert table.loc["tuned", "soft_prompt_tokens"] == 16


def test_differences_and_calibration_are_long_tables() -> None:
    differences = frames.differences(make_evaluation())
    curves = frames.calibration(make_evaluation())

    assert len(differences) == 4 * 3
    first = differences.iloc[0]
    assert (first["system"], first["reference"]) == ("base_zero_shot", "tuned")
    assert first["lower"] < first["difference"] < first["upper"] < 0
    assert curves.groupby("system").size().to_dict() == {
        "base_three_shot_constrained": 10, "base_zero_shot_constrained": 10, "tuned": 10,
    }  # fmt: skip


def test_rows_have_the_answers_of_all_systems_side_by_side() -> None:
    table = frames.evaluation_rows(iter([make_row(3), make_row(17)]))

    assert table.index.tolist() == [3, 17]
    row = table.loc[17]
    assert (row["reference"], row["tuned"], row["tuned_score"], row["tuned_probability"]) == ("parts", "parts", 1, 0.93)
    assert (row["base_zero_shot"], row["base_zero_shot_score"]) == ("I do not know", 0)
    assert list(make_row().answers[0].label_probabilities) == ["parts", "manuals"]


@pytest.mark.parametrize(
    ("system", "name"),
    [
        ("tuned", "tuned"),
        ("base_zero_shot", "base model, zero-shot"),
        ("base_five_shot_constrained_2", "base model, five-shot, labels only (2)"),
        ("my_model", "my_model"),
    ],
)
def test_systems_are_named_in_words(system: str, name: str) -> None:
    assert system_name(system) == name
