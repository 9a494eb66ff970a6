"""Rendering of a comparison of runs: only what differs, and their results side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from foreword.cli.render.experiment import short_name
from foreword.cli.render.listing import Cell, format_value, make_table
from foreword.cli.render.report import print_findings
from foreword.cli.render.states import state_text
from foreword.client import ComparedDataset, ComparedTuneExperiment, DifferingField, TuneComparison
from foreword.domain.differing_fields import excerpts

_PREFIXES = ("parameters.method_parameters.", "parameters.", "task_options.extra.", "task_options.")
_PLAN = "plan."
_NAMES = ("dataset", "validation_dataset", "base_model", "init_tuned_model")
_NARROWEST_RUN = 15
_MOST_CHARACTERS = 160
_SPACE = 2  # between columns


def print_comparison(console: Console, comparison: TuneComparison) -> None:
    """Print the fields that differ, the results with their differences to the first run, the data and the warnings.

    Runs that do not fit beside each other follow in further tables.
    """
    differing = list(_differing(comparison))
    rows = [*differing, *_results(comparison.tune_experiments, comparison.metrics)]
    width = max(len(name) for name, _ in rows)
    runs = comparison.tune_experiments
    fit = max(1, (console.width - width) // (_NARROWEST_RUN + _SPACE))
    beside = math.ceil(len(runs) / math.ceil(len(runs) / fit))  # tables of the same width
    for start in range(0, len(runs), beside):
        names = [run.display_name for run in runs[start : start + beside]]
        table = make_table(["", *names], [[name, *cells[start : start + beside]] for name, cells in rows])
        table.columns[0].no_wrap = True
        console.print(table)
        console.print()
    if any(run.differences for run in runs):
        note = "Below a difference: its 95 % interval for all texts like these rows. If 0 is in it, it may be noise."
        console.print(Text(f"{note}\n", style="dim"))
    if not differing:
        console.print("The configurations do not differ.\n")
    if comparison.omitted_field_count:
        console.print(Text(f"{comparison.omitted_field_count:,} more fields differ.\n", style="dim"))
    data = list(_data(comparison.datasets))
    for line in data:
        console.print(line)
    if data:
        console.print()
    print_findings(console, comparison.findings)


def _differing(comparison: TuneComparison) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the name of each field that differs, and a cell for each run."""
    datasets = {item.name: _version(item) for item in comparison.datasets}
    has_one_content = len({item.content_sha256 or item.name for item in comparison.datasets}) == 1
    for field in comparison.differing_fields:
        if field.path == "dataset" and has_one_content:
            continue  # the same file, uploaded for each run
        texts = _texts(field, datasets)
        remarks = [value.source.replace("_", " ") for value in field.values]
        if field.path == "dataset":
            remarks = [_same_rows(str(value.value), comparison.datasets) for value in field.values]
        yield (
            _shown_name(field.path),
            [_with_remark(text, remark) for text, remark in zip(texts, remarks, strict=True)],
        )


def _results(runs: Sequence[ComparedTuneExperiment], metrics: Sequence[str]) -> Iterator[tuple[str, list[Cell]]]:
    """Yield the name of each result, and a cell for each run."""
    if len({run.state for run in runs}) > 1:
        yield "state", [state_text(run.state) for run in runs]
    for metric in metrics:
        yield metric.replace("_", " "), _numbers(runs, [run.metrics.get(metric) for run in runs], metric)
    if any(run.metrics for run in runs):
        tokens = [run.mean_tokens if run.metrics else None for run in runs]
        yield "tokens per request", _numbers(runs, tokens, "", digits=1)
        yield "held-out rows", [_held_out_rows(run, runs) for run in runs]
    yield "capacity-unit-hours", [f"{run.capacity_unit_hours:.3g}" for run in runs]


def _shown_name(path: str) -> str:
    """Return the name of a field as plans show it: parameters by their names, the rest in words."""
    if path.startswith(_PLAN):
        return path.removeprefix(_PLAN).replace("_", " ")
    return path.removeprefix(next((prefix for prefix in _PREFIXES if path.startswith(prefix)), ""))


def _texts(field: DifferingField, datasets: dict[str, str]) -> list[str]:
    """Return the values of a field as texts that are short enough for a cell."""
    values = [value.value for value in field.values]
    if field.path.rsplit(".", 1)[-1] in _NAMES:
        return [datasets.get(str(value)) or short_name(str(value or "")) for value in values]
    if all(value is None or isinstance(value, list) for value in values):
        return _lists(values)
    return [format_value(value) for value in excerpts(values, _MOST_CHARACTERS)]


def _lists(values: Sequence[list[object] | None]) -> list[str]:
    """Return lists without the items that all of them have, which are only counted."""
    lists = [[str(item) for item in value] for value in values if value is not None]
    shared = set.intersection(*map(set, lists)) if len(lists) == len(values) else set()
    if all(set(items) == shared for items in lists):  # only the order differs
        shared = set()
    counted = [f"{len(shared)} shared"] if shared else []
    texts = [
        "" if value is None else ", ".join([*(str(item) for item in value if str(item) not in shared), *counted])
        for value in values
    ]
    return [str(text) for text in excerpts(texts, _MOST_CHARACTERS)]


def _with_remark(text: str, remark: str) -> Text:
    return Text.assemble(text, (f" ({remark})" if text and remark else "", "dim"))


def _numbers(
    runs: Sequence[ComparedTuneExperiment], values: Sequence[float | None], metric: str, *, digits: int = 3
) -> list[Cell]:
    """Return values with their differences to the first, and the intervals of these below them.

    Better and worse have colours if the values can be compared, and if an interval shows that the difference is clear.

    Args:
        metric: Id of the metric. Only for the main metric is it known that higher is better.
    """
    first = values[0]
    cells: list[Cell] = []
    for run, value in zip(runs, values, strict=True):
        if value is None or first is None or run is runs[0]:
            cells.append("" if value is None else f"{value:.{digits}f}")
            continue
        difference = round(value - first, digits) + 0.0  # not -0.0
        comparable = metric == run.main_metric == runs[0].main_metric and run.held_out_group == runs[0].held_out_group
        paired = run.differences.get(metric)
        within_noise = paired is not None and not paired.is_clear
        style = "dim" if not comparable or not difference or within_noise else "green" if difference > 0 else "red"
        cell = Text.assemble(f"{value:.{digits}f} ", (f"{difference:+.{digits}f}", style))
        if paired is not None and paired.interval is not None:
            ends = (f"{end:+.{digits}f}" for end in (paired.interval.lower, paired.interval.upper))
            cell.append(f"\n{'..'.join(ends)}", style="dim")
        cells.append(cell)
    return cells


def _held_out_rows(run: ComparedTuneExperiment, runs: Sequence[ComparedTuneExperiment]) -> str:
    groups = {other.held_out_group for other in runs if other.held_out_group}
    count = f"{run.evaluated_row_count:,}" if run.metrics else ""
    return f"{count} (set {run.held_out_group})" if count and len(groups) > 1 else count


def _data(datasets: Sequence[ComparedDataset]) -> Iterator[str]:
    """Yield a sentence about each dataset whose rows are not those of the first."""
    first = datasets[0]
    for item in datasets[1:]:
        overlap = item.overlap
        if overlap is None or item.content_sha256 == first.content_sha256:
            continue
        others = f" and {overlap.added:,} others" if overlap.added else ""
        relabelled = f", {overlap.relabelled:,} of them relabelled" if overlap.relabelled else ""
        shared = f"{overlap.shared:,} of the {first.row_count:,} rows of {_version(first)}"
        yield f"{_version(item)} has {shared}{others}{relabelled}."


def _same_rows(name: str, datasets: Sequence[ComparedDataset]) -> str:
    """Return a remark if a dataset has the rows of the first one."""
    first, *others = datasets
    same = {item.name for item in others if item.content_sha256 and item.content_sha256 == first.content_sha256}
    return "the same rows" if name in same else ""


def _version(dataset: ComparedDataset) -> str:
    if dataset.deleted:
        return f"{short_name(dataset.name)} (deleted)"
    return f"{dataset.display_name} (version {dataset.version})"
