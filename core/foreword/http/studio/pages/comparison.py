"""Experiments side by side: what differs between them, their curves in one picture, and their results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from foreword.client import (
    ComparedDataset,
    ComparedTuneExperiment,
    CurvePoint,
    DifferingField,
    MetricSpec,
    TuneComparison,
)
from foreword.errors import InvalidArgumentError
from foreword.http.studio.charts.comparison import RunCurve, kind_of, losses_chart, metrics_chart
from foreword.http.studio.formats import number, parameter_text, short_name, words
from foreword.http.studio.rendering import page
from foreword.http.studio.sessions import Session

LEAST: Final = 2
MOST: Final = 20
_MOST_EPOCHS: Final = 200
"""Rows of the table of a figure."""
_COUNTS: Final = ("", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
_NAMES: Final = {
    "dataset": "data",
    "validation_dataset": "held-out data",
    "base_model": "base model",
    "tuning_type": "method",
    "evaluate_base": "compared with the base model",
    "plan.training_row_count": "rows to tune on",
    "plan.validation_row_count": "rows held out",
    "plan.planned_updates": "updates that follow from it",
    "plan.trainable_parameter_count": "numbers that are trained",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of a run.

    Attributes:
        text: The value.
        same: Whether the baseline has the same.
        address: Name of the resource that it names; empty if it names none.
    """

    text: str
    same: bool
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A field in which the runs differ, with a value for each run. `is_code` if it is named as in the API."""

    name: str
    is_code: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A result of a run.

    Attributes:
        text: The value.
        delta: Difference to the baseline with its sign; empty for the baseline, and if one of them has no value.
        verdict: `better` or `worse`; empty if the difference says nothing.
        interval: The 95 % interval of the difference; empty if it is unknown.
    """

    text: str
    delta: str = ""
    verdict: str = ""
    interval: str = ""


async def show_comparison(request: Request, session: Session) -> Response:
    """Show experiments side by side."""
    query = request.query_params
    ids = list(dict.fromkeys(item for item in query.getlist("e") if item))
    if len(ids) < LEAST:
        return _nothing(request, session, "Tick at least 2 runs in the list of experiments to compare them.")
    if len(ids) > MOST:
        said = f"{len(ids):,} runs were ticked, and at most {MOST} can be compared. Untick some of them."
        return _nothing(request, session, said, status=400)
    baseline = query.get("baseline", "") if query.get("baseline", "") in ids else ids[0]
    names = [f"tenants/{session.tenant}/tuneExperiments/{id}" for id in (baseline, *(i for i in ids if i != baseline))]
    try:
        compared = await session.client.compare_tune_experiments(names)
    except InvalidArgumentError as problem:
        return _nothing(request, session, problem.message, status=400)
    specs = {metric.id: metric for task in await session.client.list_tasks() for metric in task.metrics}
    runs = sorted(compared.tune_experiments, key=lambda run: _place(ids, run))
    order = [compared.tune_experiments.index(run) for run in runs]
    first = compared.tune_experiments[0]
    losses = _curves(runs, first, lambda point: point.validation_loss)
    metrics = _curves(runs, first, lambda point: point.validation_metric)
    trained = [] if losses else _curves(runs, first, lambda point: point.loss)
    main = {run.main_metric for run in runs if run.main_metric}
    metric_name = _metric_name(main.pop(), specs) if len(main) == 1 else "Main metric"
    return page(
        request,
        session,
        "compare.html",
        problem="",
        runs=runs,
        baseline=first,
        ids=ids,
        count=_COUNTS[len(runs)] if len(runs) < len(_COUNTS) else str(len(runs)),
        lead=_lead(compared, specs),
        lines=[_line(field, order, compared) for field in compared.differing_fields],
        omitted=compared.omitted_field_count,
        datasets=compared.datasets,
        findings=compared.findings,
        other_rows=len({run.held_out_group for run in runs if run.held_out_group}) > 1,
        loss_figure=losses_chart(losses or trained, _loss_title(bool(losses))) if losses or trained else None,
        loss_title=_loss_title(bool(losses)),
        loss_rows=_rows(losses or trained),
        loss_curves=losses or trained,
        metric_figure=metrics_chart(metrics, metric_name) if metrics else None,
        metric_name=metric_name,
        results=_results(runs, first, compared.metrics, specs),
    )


def _nothing(request: Request, session: Session, problem: str, *, status: int = 200) -> Response:
    return page(request, session, "compare.html", status=status, problem=problem)


def _place(ids: Sequence[str], run: ComparedTuneExperiment) -> int:
    id = short_name(run.name)
    return ids.index(id) if id in ids else len(ids)


def _loss_title(held_out: bool) -> str:
    return "Held-out loss, nats per token" if held_out else "Training loss, nats per token"


def _curves(runs: Sequence[ComparedTuneExperiment], baseline: ComparedTuneExperiment, value: Any) -> list[RunCurve]:
    """Return the curves of the runs that have one, the baseline first."""
    others = [run for run in runs if run is not baseline]
    found = []
    for place, run in enumerate([baseline, *others]):
        points = [(point.epoch, value(point)) for point in run.curve if _has(point, value)]
        if points:
            found.append(
                RunCurve(number=runs.index(run) + 1, name=run.display_name, points=points, kind=kind_of(place))
            )
    return found


def _has(point: CurvePoint, value: Any) -> bool:
    found = value(point)
    return found is not None and math.isfinite(found)


def _rows(curves: Sequence[RunCurve]) -> list[tuple[str, list[float | None]]]:
    """Return the table of a figure: epochs, and the value of each curve."""
    by_epoch = [dict(curve.points) for curve in curves]
    epochs = sorted({epoch for values in by_epoch for epoch in values})
    if len(epochs) > _MOST_EPOCHS:
        epochs = [epoch for epoch in epochs if abs(epoch - round(epoch)) < 1e-6][:_MOST_EPOCHS]
    return [(f"{epoch:.4g}", [values.get(epoch) for values in by_epoch]) for epoch in epochs]


def _line(field: DifferingField, order: Sequence[int], compared: TuneComparison) -> Line:
    """Return the line of a field. The values of the comparison begin with the baseline."""
    titles = {item.name: item for item in compared.datasets}
    cells = []
    for place in order:
        value = field.values[place].value
        text, address = parameter_text(value), ""
        if field.path in ("dataset", "validation_dataset") and isinstance(value, str):
            found = titles.get(value)
            text, address = short_name(value), value
            if found is not None:
                text, address = _title(found), "" if found.deleted else value
        elif field.path == "base_model" and isinstance(value, str):
            text = short_name(value)
        elif field.path == "tuning_type" and isinstance(value, str):
            text = words(value)
        elif field.path.startswith("plan.") and isinstance(value, (int, float)):
            text = f"{value:,.0f}"
        cells.append(Cell(text=text, same=place != 0 and value == field.values[0].value, address=address))
    name = field.path.removeprefix("parameters.").removeprefix("method_parameters.").removeprefix("task_options.")
    return Line(name=_NAMES.get(field.path, name), is_code=field.path not in _NAMES, cells=tuple(cells))


def _title(dataset: ComparedDataset) -> str:
    if dataset.deleted:
        return f"{short_name(dataset.name)}, deleted"
    return f"{dataset.display_name}, version {dataset.version}"


def _results(
    runs: Sequence[ComparedTuneExperiment],
    baseline: ComparedTuneExperiment,
    metrics: Sequence[str],
    specs: Mapping[str, MetricSpec],
) -> list[tuple[str, list[Result]]]:
    """Return the lines of the table of results: a name, and a result for each run."""
    lines = [
        (_metric_name(metric, specs), [_metric(run, baseline, metric, specs.get(metric)) for run in runs])
        for metric in metrics
    ]
    if any(run.evaluated_row_count for run in runs):
        lines.append(("rows measured", [Result(text=number(run.evaluated_row_count or None)) for run in runs]))
        lines.append(("tokens a request", [_cost(run.mean_tokens, baseline.mean_tokens, 1) for run in runs]))
    hours = [_cost(run.capacity_unit_hours, baseline.capacity_unit_hours, 4) for run in runs]
    return [*lines, ("capacity-unit-hours", hours)]


def _metric_name(metric: str, specs: Mapping[str, MetricSpec]) -> str:
    return specs[metric].display_name if metric in specs else words(metric)


def _metric(
    run: ComparedTuneExperiment, baseline: ComparedTuneExperiment, metric: str, spec: MetricSpec | None
) -> Result:
    value, base = run.metrics.get(metric), baseline.metrics.get(metric)
    if value is None:
        return Result(text=number(None))
    if run is baseline or base is None:
        return Result(text=number(value))
    measured = run.differences.get(metric)
    difference = value - base if measured is None else measured.difference
    if not math.isfinite(difference):
        return Result(text=number(value))
    interval = measured.interval if measured is not None else None
    verdict = ""
    if measured is not None and measured.is_clear and spec is not None:
        verdict = "better" if (difference > 0) == spec.higher_is_better else "worse"
    return Result(
        text=number(value),
        delta=_signed(difference, 3),
        verdict=verdict,
        interval="" if interval is None else f"{_signed(interval.lower, 3)} to {_signed(interval.upper, 3)}",
    )


def _cost(value: float, base: float, digits: int) -> Result:
    if not value:
        return Result(text=number(None))
    difference = value - base if base else 0.0
    shown = round(difference, digits)
    verdict = "" if not shown else "better" if shown < 0 else "worse"
    return Result(text=number(value, digits), delta=_signed(difference, digits) if shown else "", verdict=verdict)


def _signed(value: float, digits: int) -> str:
    text = f"{value:+,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if round(value, digits) else f"{0:.{digits}f}"


def _lead(compared: TuneComparison, specs: Mapping[str, MetricSpec]) -> str:
    """Return the sentence under the title: which run is ahead, and whether that can be said."""
    measured = [run for run in compared.tune_experiments if run.main_metric in run.metrics]
    if not measured:
        live = sum(not run.state.ended for run in compared.tune_experiments)
        return f"None of the runs has held-out results{' yet' if live else ''}."
    if len({run.main_metric for run in measured}) > 1:
        return "The runs are measured by different metrics, so that none of them can be called ahead."
    metric = measured[0].main_metric
    sign = 1 if metric not in specs or specs[metric].higher_is_better else -1
    best = max(measured, key=lambda run: sign * run.metrics[metric])
    said = f"{best.display_name} has the best {_metric_name(metric, specs)}, {best.metrics[metric]:.3f}"
    if len(measured) < len(compared.tune_experiments):
        counted = "the only run" if len(measured) == 1 else f"the {len(measured)} runs"
        said += f", of {counted} with held-out results"
    if len({run.held_out_group for run in measured}) > 1:
        return f"{said}, but not all runs were measured on the same rows."
    first = compared.tune_experiments[0]
    others = [run for run in measured if run is not first and metric in run.differences]
    if others and not any(run.differences[metric].is_clear for run in others):
        return f"{said}; no difference to {first.display_name} is clear."
    return f"{said}."
