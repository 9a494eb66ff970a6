"""Learning curves with few points, for pictures of several runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

MAX_CURVE_POINTS: Final = 200
"""Maximum number of points of a thinned curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """A point of a learning curve.

    Attributes:
        loss: Mean training loss since the previous point, in nats per token.
        validation_loss: Held-out loss in nats per token; None except at the end of an epoch.
        validation_metric: Held-out value of the main metric; None except at the end of an epoch.
    """

    epoch: float
    loss: float
    validation_loss: float | None
    validation_metric: float | None


def thin_curve(points: Sequence[CurvePoint], most: int = MAX_CURVE_POINTS) -> tuple[CurvePoint, ...]:
    """Return a learning curve with at most `most` points.

    A point of a long curve has the mean training loss of several points. Held-out results are kept as long as there
    are at most `most` of them. Of more, the best and evenly spread ones are kept.
    """
    parts = _split_at_results(points)
    if len(parts) > most:
        return _most_of([_point(part) for part in parts], most)
    count = sum(map(len, parts))
    if count > most:
        # Each part is cut into chunks of this size, and has at most one chunk that is smaller.
        size = math.ceil(count / max(1, most - len(parts)))
        return tuple(_point(part[start : start + size]) for part in parts for start in range(0, len(part), size))
    return tuple(points)


def _split_at_results(points: Sequence[CurvePoint]) -> list[Sequence[CurvePoint]]:
    """Return parts of the curve that each end with a held-out result, and the rest."""
    parts: list[Sequence[CurvePoint]] = []
    start = 0
    for place, item in enumerate(points, start=1):
        if item.validation_loss is not None or item.validation_metric is not None or place == len(points):
            parts.append(points[start:place])
            start = place
    return parts


def _point(part: Sequence[CurvePoint]) -> CurvePoint:
    last = part[-1]
    return CurvePoint(
        epoch=last.epoch,
        loss=fmean(item.loss for item in part),
        validation_loss=last.validation_loss,
        validation_metric=last.validation_metric,
    )


def _most_of(points: Sequence[CurvePoint], most: int) -> tuple[CurvePoint, ...]:
    """Return evenly spread points, with the last and the best."""
    best = max(range(len(points)), key=lambda place: held_out_rank(points[place]))
    chosen = {round((tick + 1) * len(points) / (most - 1)) - 1 for tick in range(most - 1)} | {best}
    return tuple(points[place] for place in sorted(chosen))


def held_out_rank(point: CurvePoint) -> tuple[float, float]:
    """Return what is larger for a better held-out result: the metric, then the loss."""
    metric, loss = point.validation_metric, point.validation_loss
    return -math.inf if metric is None else metric, -math.inf if loss is None else -loss
