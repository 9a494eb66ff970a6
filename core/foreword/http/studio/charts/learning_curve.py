"""The learning curve of a run: loss and held-out metric over its epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Self

from markupsafe import Markup

from foreword.client import TuneExperiment, TuneSnapshot
from foreword.http.studio.charts import plot
from foreword.http.studio.charts.scales import (
    apart,
    linear,
    linear_ticks,
    logarithmic,
    logarithmic_ticks,
    per_cent,
)

_LEAST_LOSS: Final = 1e-4
"""Losses below this are drawn here, because a logarithm has no zero. In nats per token."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a run.

    Attributes:
        losses: Epochs and training losses of all updates, in nats per token.
        held_out: Epochs and held-out losses, in nats per token.
        metric: Epochs and values of the held-out metric.
        epochs: Number of epochs that the axis shows.
        kept: Epoch whose adapter is kept; None while the run goes on or if nothing was measured.
        live: Whether more points will come.
    """

    losses: list[tuple[float, float]]
    held_out: list[tuple[float, float]]
    metric: list[tuple[float, float]]
    epochs: float
    kept: float | None
    live: bool

    @classmethod
    def of(cls, experiment: TuneExperiment) -> Self:
        """Return the curve of an experiment. Points of a refit have nothing to compare them with and are left out."""
        points = [item for item in experiment.snapshots if item.phase != "refitting"]
        live = not experiment.state.ended
        reached = points[-1].epoch if points else 0.0
        return cls(
            losses=[(item.epoch, max(item.loss, _LEAST_LOSS)) for item in points if math.isfinite(item.loss)],
            held_out=[
                (item.epoch, max(item.validation_loss, _LEAST_LOSS))
                for item in points
                if item.validation_loss is not None
            ],
            metric=[(item.epoch, item.validation_metric) for item in points if item.validation_metric is not None],
            epochs=max(float(experiment.progress.total_epochs or 0) if live else 0.0, math.ceil(reached), 1.0),
            kept=None if live else _kept_epoch(points, keep_best=experiment.plan.parameters.keep_best is not False),
            live=live,
        )

    @property
    def reached(self) -> float:
        """Epoch of the last point."""
        return self.losses[-1][0] if self.losses else 0.0

    @property
    def smoothed(self) -> list[tuple[float, float]]:
        """The mean loss of every half epoch, at the mean of its epochs."""
        halves: dict[int, list[tuple[float, float]]] = {}
        for point in self.losses:
            halves.setdefault(math.ceil(point[0] * 2), []).append(point)
        return [(fmean(x for x, _ in half), fmean(y for _, y in half)) for half in halves.values()]

    def rows(self) -> list[tuple[int, float | None, float | None, float | None]]:
        """Return the table of the figure: epoch, mean training loss, held-out loss and metric."""
        held_out, metric = dict(self.held_out), dict(self.metric)
        found = []
        for epoch in range(1, math.floor(self.reached + 1e-6) + 1):
            losses = [loss for at, loss in self.losses if epoch - 1 < at <= epoch + 1e-9]
            found.append((epoch, fmean(losses) if losses else None, _near(held_out, epoch), _near(metric, epoch)))
        return found


def loss_chart(curve: Curve) -> Markup:
    """Return training loss, raw and smoothed, and held-out loss over the epochs, on a logarithmic scale."""
    values = [loss for _, loss in curve.losses + curve.held_out]
    low, high = min(values) * 0.85, max(values) * 1.15
    x, y = linear(0, curve.epochs), logarithmic(low, high)
    smoothed = curve.smoothed
    ends = [(1 - y(smoothed[-1][1]), f"{smoothed[-1][1]:.3g}", "training")]
    if curve.held_out:
        ends.append((1 - y(curve.held_out[-1][1]), f"{curve.held_out[-1][1]:.3g}", "held-out"))
    ends.sort()
    right = per_cent(x(curve.reached))
    parts = [
        plot.ahead(curve.reached, x) if curve.live else Markup(),
        plot.axes(x, y, linear_ticks(0, curve.epochs, 10), logarithmic_ticks(low, high), x_labels=not curve.metric),
        plot.mark(curve.kept, x) if curve.kept is not None else Markup(),
        plot.curves(
            plot.path(plot.thinned(curve.losses), x, y, "raw"),
            plot.path(plot.thinned(smoothed), x, y, "tuned"),
            plot.path(curve.held_out, x, y, "held-out"),
        ),
        plot.dots(curve.held_out, x, y, "held-out", full=curve.kept),
        plot.dots([smoothed[-1]], x, y, "now") if curve.live else Markup(),
        *(
            plot.label(value, (right, per_cent(place)), dx="12")
            + plot.label(name, (right, per_cent(place)), dx="12", dy=14, kind="gloss")
            for place, (_, value, name) in zip(apart([place for place, *_ in ends]), ends, strict=True)
        ),
        plot.title("Loss, nats per token"),
    ]
    lines = [
        plot.Line(name="training", points=smoothed, scale=y, written=_written),
        plot.Line(name="held-out", points=curve.held_out, scale=y, written=_written),
    ]
    said = f"Loss by epoch: training loss {smoothed[-1][1]:.3g}"
    if curve.held_out:
        said += f", held-out loss from {curve.held_out[0][1]:.3g} to {curve.held_out[-1][1]:.3g}"
    return plot.chart(parts, name=f"{said}.", stops=plot.stops(lines, x, epoch_name))


def metric_chart(curve: Curve, name: str) -> Markup:
    """Return the held-out metric over the epochs."""
    x, y = linear(0, curve.epochs), linear(0, max(1.0, *(value for _, value in curve.metric)))
    last, best = curve.metric[-1][1], max(value for _, value in curve.metric)
    parts = [
        plot.ahead(curve.reached, x) if curve.live else Markup(),
        plot.axes(x, y, linear_ticks(0, curve.epochs, 10), (0, 0.5, 1)),
        plot.mark(curve.kept, x) if curve.kept is not None else Markup(),
        plot.curves(plot.path(curve.metric, x, y, "tuned")),
        plot.dots(curve.metric, x, y, "tuned", full=curve.kept),
        plot.label(f"{last:.3f}", (per_cent(x(curve.reached)), per_cent(1 - y(last))), dx="10", dy=4),
        plot.title(f"{name.replace('_', ' ').capitalize()} on held-out rows"),
    ]
    line = plot.Line(name=name.replace("_", " "), points=curve.metric, scale=y, written="{:.3f}".format)
    return plot.chart(
        parts,
        kind="low",
        name=f"{name} on held-out rows by epoch: {last:.3f} at the end, at best {best:.3f}.",
        stops=plot.stops([line], x, epoch_name),
    )


def epoch_name(epoch: float) -> str:
    """Return what a place on the axis of epochs is called."""
    return f"Epoch {epoch:.3g}"


def _written(loss: float) -> str:
    return f"{loss:.3g}"


def spark(points: Sequence[tuple[float, float]]) -> Markup:
    """Return a curve of the size of a word; nothing for fewer than two points."""
    if len(points) < 2:
        return Markup()
    values = [value for _, value in points]
    x, y = linear(points[0][0], points[-1][0]), logarithmic(0.95 * min(values), 1.05 * max(values))
    return Markup('<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" aria-hidden="true">{}</svg>').format(
        plot.path(plot.thinned(points), x, y, "tuned")
    )


def _kept_epoch(points: Sequence[TuneSnapshot], *, keep_best: bool) -> float | None:
    measured = [item for item in points if item.validation_loss is not None or item.validation_metric is not None]
    if not measured:
        return None
    if not keep_best:
        return measured[-1].epoch
    return max(measured, key=lambda item: (item.validation_metric or 0.0, -(item.validation_loss or 0.0))).epoch


def _near(values: dict[float, float], epoch: int) -> float | None:
    return next((value for at, value in values.items() if abs(at - epoch) < 1e-6), None)
