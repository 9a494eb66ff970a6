"""Rendering of comparisons on consoles of several widths."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from factories.comparisons import make_comparison
from foreword.cli.render.comparison import print_comparison
from foreword.client import ComparedDataset, JobState, RowOverlap, TuneComparison
from foreword.domain.report import Finding, Severity


def printed(comparison: TuneComparison, width: int = 120, *, colored: bool = False) -> str:
    file = io.StringIO()
    color = "standard" if colored else None
    print_comparison(
        Console(file=file, width=width, highlight=False, markup=False, force_terminal=colored, color_system=color),
        comparison,
    )
    return file.getvalue()


def row(text: str, name: str) -> list[str]:
    """Return the cells of the row with this name, which are at least two spaces apart."""
    line = next(line for line in text.splitlines() if line.startswith(f"{name} "))
    return [cell.strip() for cell in line.removeprefix(name).split("  ") if cell.strip()]


def test_values_have_their_sources_and_results_their_differences_to_the_first_run() -> None:
    text = printed(make_comparison(3))

    assert row(text, "learning_rate") == ["0.02 (recipe)", "0.03 (set)", "0.04 (set)"]
    assert row(text, "micro f1") == ["0.700", "0.720 +0.020", "0.740 +0.040"]
    assert row(text, "exact match") == ["0.500", "0.490 -0.010", "0.480 -0.020"]
    assert row(text, "tokens per request") == ["24.0", "25.0 +1.0", "26.0 +2.0"]
    assert row(text, "held-out rows") == ["40", "40", "40"]
    assert row(text, "capacity-unit-hours") == ["0.01", "0.02", "0.03"]
    assert "state" not in text


def test_a_difference_that_is_rounded_away_has_no_minus() -> None:
    comparison = make_comparison()
    first, second = comparison.tune_experiments
    equal = replace(second, metrics={"micro_f1": first.metrics["micro_f1"] - 1e-9})

    assert row(printed(replace(comparison, tune_experiments=(first, equal))), "micro f1")[1] == "0.700 +0.000"


def test_an_interval_is_below_its_difference_and_noise_has_no_colour() -> None:
    text = printed(make_comparison(3))
    lines = text.splitlines()
    place = next(place for place, line in enumerate(lines) if line.startswith("micro f1"))

    assert lines[place + 1].split() == ["-0.010..+0.050", "+0.010..+0.070"]
    assert "If 0 is in it, it may be noise." in text
    assert "\x1b[2m+0.020" in printed(make_comparison(3), colored=True)
    assert "Below a difference" not in printed(make_comparison(groups=(1, 2)))


def test_only_a_comparable_main_metric_has_colours() -> None:
    green, red, dim = "\x1b[32m+0.040", "\x1b[31m", "\x1b[2m+0.020"

    same = printed(make_comparison(3), colored=True)
    other = printed(make_comparison(groups=(1, 2)), colored=True)

    assert green in same
    assert red not in same  # a lower exact match may be better: it is not the main metric
    assert dim in other
    assert green not in other


def test_runs_on_other_held_out_rows_say_which_rows_they_have_and_states_that_differ_are_shown() -> None:
    comparison = make_comparison(groups=(1, 2))
    first, second = comparison.tune_experiments
    running = replace(second, state=JobState.RUNNING, metrics={}, main_metric="")

    assert row(printed(comparison), "held-out rows") == ["40 (set 1)", "40 (set 2)"]
    text = printed(replace(comparison, tune_experiments=(first, running)))
    assert row(text, "state") == ["succeeded", "running"]
    assert row(text, "micro f1") == ["0.700"]


@pytest.mark.parametrize(("width", "tables"), [(300, 1), (120, 2), (80, 3), (60, 4), (40, 8)])
def test_runs_that_do_not_fit_beside_each_other_follow_in_further_tables(width: int, tables: int) -> None:
    text = printed(make_comparison(8), width)

    assert text.count("learning_rate") == tables
    assert max(map(len, text.splitlines())) <= width
    assert "complaints (8)" in text
    assert "+0.140" in text


def test_lists_and_long_texts_show_where_they_differ() -> None:
    long = "same words " * 200
    text = printed(
        make_comparison(
            task_options__labels=[["A", "B", "C"], ["A", "B", "D"]],
            verbalizer=[f"{long}one", f"{long}other"],
            parameters__refit=[True, None],
        )
    )

    assert row(text, "labels") == ["C, 2 shared", "D, 2 shared"]
    assert "[...] " in text
    assert "one" in text
    assert "other" in text
    assert text.count("same words") < 20
    assert row(text, "refit") == ["true"]


def test_lists_in_another_order_are_shown_whole() -> None:
    text = printed(make_comparison(task_options__labels=[["A", "B"], ["B", "A"]]))

    assert row(text, "labels") == ["A, B", "B, A"]


def with_datasets(*others: ComparedDataset, names: list[str]) -> TuneComparison:
    comparison = make_comparison(len(names), dataset=names)
    return replace(comparison, datasets=(*comparison.datasets, *others))


def other_dataset(content: str, overlap: RowOverlap | None, *, deleted: bool = False) -> ComparedDataset:
    return ComparedDataset(
        name="tenants/a/datasets/e",
        display_name="" if deleted else "complaints",
        version=0 if deleted else 2,
        row_count=0 if deleted else 205,
        content_sha256=content,
        overlap=overlap,
        deleted=deleted,
    )


def test_another_dataset_is_described_by_its_rows() -> None:
    overlap = RowOverlap(shared=180, added=25, removed=20, relabelled=5)

    text = printed(with_datasets(other_dataset("cd", overlap), names=["tenants/a/datasets/d", "tenants/a/datasets/e"]))

    assert row(text, "dataset") == ["complaints (version 1)", "complaints (version 2)"]
    assert (
        "complaints (version 2) has 180 of the 200 rows of complaints (version 1) and 25 others, 5 of them relabelled."
        in text
    )


def test_the_same_rows_in_another_dataset_are_no_difference() -> None:
    overlap = RowOverlap(shared=200, added=0, removed=0, relabelled=0)

    text = printed(with_datasets(other_dataset("ab", overlap), names=["tenants/a/datasets/d", "tenants/a/datasets/e"]))

    assert "dataset" not in text


def test_a_deleted_dataset_is_named_by_its_id() -> None:
    text = printed(
        with_datasets(other_dataset("", None, deleted=True), names=["tenants/a/datasets/d", "tenants/a/datasets/e"])
    )

    assert row(text, "dataset") == ["complaints (version 1)", "e (deleted)"]


def test_equal_runs_say_so_and_warnings_come_last() -> None:
    warning = Finding(
        severity=Severity.WARNING, code="HELD_OUT_ROWS_DIFFER", message="Other rows.", remedy="Tune again."
    )

    text = printed(replace(make_comparison(), differing_fields=(), findings=(warning,), omitted_field_count=0))

    assert "The configurations do not differ." in text
    assert text.rstrip().endswith("Tune again.")
    assert "3 more fields differ." in printed(replace(make_comparison(), omitted_field_count=3))
