"""Tuning experiments: the list, one run with its live curve, and what can be done with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from foreword.client import TuneExperiment
from foreword.http.studio.charts.learning_curve import Curve, loss_chart, metric_chart
from foreword.http.studio.filters import quoted
from foreword.http.studio.formats import parameter_text
from foreword.http.studio.paging import ListPage
from foreword.http.studio.rendering import page, render, root_of
from foreword.http.studio.sessions import Session
from foreword.http.studio.stream import HtmlStream, until_stopped

_STATES: Final = ("queued", "running", "succeeded", "failed", "cancelled")
_ORDERS: Final = ("create_time desc", "create_time", "display_name", "state")
_REDRAW_SECONDS: Final = 0.25
"""Minimum time between two drawings of a live page."""
_LOST_SECONDS: Final = 2.0
"""Time for which a service that restarts is waited for, before a live page is cut off and says that it is away."""


async def list_experiments(request: Request, session: Session) -> Response:
    """Show the list, filtered by name and state."""
    query = request.query_params
    name, state, order = query.get("name", "")[:200], query.get("state", ""), query.get("order_by", "")
    conditions = []
    if name:
        conditions.append(f"display_name : {quoted(name)}")
    if state in _STATES:
        conditions.append(f"state = {state.upper()}")
    condition, order_by = " AND ".join(conditions), order if order in _ORDERS else ""
    listed = await ListPage.read(
        request,
        lambda token, limit: session.client.list_tune_experiments(
            filter=condition, order_by=order_by, limit=limit, page_token=token
        ),
    )
    return page(
        request,
        session,
        "experiments.html",
        listed=listed,
        name=name,
        state=state,
        states=_STATES,
        order=order,
    )


async def show_experiment(request: Request, session: Session) -> Response:
    """Show one experiment; while it runs, the page follows it."""
    experiment = await session.client.get_tune_experiment(_name(request, session))
    return page(request, session, "experiment.html", **_view(experiment))


async def follow_experiment(request: Request, session: Session) -> Response:
    """Stream the changing part of the page until the run has ended.

    Every event is the whole part, so that a page that connects again after an outage misses nothing. Its id is the
    number of the last point of the curve.
    """
    name = _name(request, session)
    values = {"root": root_of(request), "session": session}
    return HtmlStream(until_stopped(_changes(session, name, values), request.app.state.stopping))


async def cancel_experiment(request: Request, session: Session) -> Response:
    """Cancel a run."""
    name = _name(request, session)
    await session.client.cancel_tune_experiment(name)
    return RedirectResponse(f"{root_of(request)}/{name}", 303)


async def delete_experiment(request: Request, session: Session) -> Response:
    """Delete a run that has ended."""
    await session.client.delete_tune_experiment(_name(request, session))
    return RedirectResponse(f"{root_of(request)}/tenants/{session.tenant}/tuneExperiments", 303)


async def _changes(session: Session, name: str, values: dict[str, Any]) -> AsyncGenerator[tuple[int, str]]:
    """Yield the number of the last point and the HTML of the part, at most four times a second."""
    known: TuneExperiment | None = None
    async with aclosing(session.client.watch_tune_experiment(name, lost_seconds=_LOST_SECONDS)) as changes:
        async for change in changes:
            if change.state.ended:
                break
            snapshots = (*(known.snapshots if known is not None else ()), *change.snapshots)
            known = replace(change, snapshots=snapshots)
            yield _last_sequence(known), render("experiment_live.html", **values, **_view(known))
            await asyncio.sleep(_REDRAW_SECONDS)
    ended = await session.client.get_tune_experiment(name)
    yield _last_sequence(ended), render("experiment_live.html", **values, **_view(ended))


def _view(experiment: TuneExperiment) -> dict[str, Any]:
    """Return the values of both templates."""
    curve = Curve.of(experiment)
    metric = experiment.evaluations[0].main_metric if experiment.evaluations else "metric"
    return {
        "experiment": experiment,
        "curve": curve,
        "loss_figure": loss_chart(curve) if curve.losses else None,
        "metric_figure": metric_chart(curve, metric) if curve.metric else None,
        "metric_name": metric,
        "lead": _lead(experiment),
        "last_point": next((item for item in reversed(experiment.snapshots) if item.phase != "refitting"), None),
        "parameters": _parameters(experiment),
    }


def _parameters(experiment: TuneExperiment) -> list[tuple[str, str]]:
    """Return all parameters that are set, those of the method among them, as people write them."""
    values = asdict(experiment.plan.parameters)
    values |= values.pop("method_parameters", None) or {}
    return [(name, parameter_text(value)) for name, value in values.items() if value not in (None, "")]


def _lead(experiment: TuneExperiment) -> str:
    """Return the sentence under the title: what is the case."""
    progress = experiment.progress
    match experiment.state.value:
        case "queued":
            return f"The run waits for a worker. It is planned to take {experiment.plan.planned_updates} updates."
        case "running" | "cancelling":
            return f"Epoch {progress.epoch:.1f} of {progress.total_epochs}, {progress.percent:.0f} % done."
        case "failed" if experiment.failure is not None:
            return "The run has failed. What it left is shown below."
        case "cancelled":
            return "The run was cancelled."
    tuned = next((item for item in experiment.evaluations if item.system == "tuned"), None)
    if tuned is None:
        return "The run has ended. It was not evaluated, as no rows were held out."
    value = tuned.metrics[tuned.main_metric]
    said = (
        f"On {tuned.row_count} held-out rows the tuned model reaches {value:.3f} {tuned.main_metric.replace('_', ' ')}"
    )
    bases = [item for item in experiment.evaluations if item.system.startswith("base_")]
    if not bases:
        return f"{said}."
    best = max(bases, key=lambda item: item.metrics.get(tuned.main_metric, 0.0))
    said += f"; the base model reaches {best.metrics.get(tuned.main_metric, 0.0):.3f}"
    spent, saved = f"{best.mean_tokens:.0f}", f"{tuned.mean_tokens:.0f}"
    return f"{said}." if spent == saved else f"{said}, and spends {spent} tokens a request instead of {saved}."


def _last_sequence(experiment: TuneExperiment) -> int:
    return max((item.sequence for item in experiment.snapshots), default=0)


def _name(request: Request, session: Session) -> str:
    return f"tenants/{session.tenant}/tuneExperiments/{request.path_params['experiment']}"
