"""What a learning curve says, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import Final

from foreword.domain.experiment import Phase, Snapshot, TunePlan
from foreword.tuning.plan_warnings import FEW_UPDATES
from foreword.tuning.schedule import updates_per_epoch

_PARTS: Final = 5
_FEWEST_POINTS: Final = 5
_CLEAR: Final = 3
"""Standard errors of a difference that is no chance even where the lowest of five parts is picked out."""
_LIKELY: Final = 2
"""Standard errors where two given parts are compared."""
_LEAST_FALL: Final = 0.02
"""Fall of a held-out score that is worth a word, however many rows there are."""
_LEAST_CHANGE: Final = 0.05
"""Share of the first loss that is worth a word, however little noise there is."""


def curve_advice(snapshots: Sequence[Snapshot], plan: TunePlan) -> str:
    """One sentence about the curve and what to try next; empty when there are too few points to tell.

    The curve is read in five parts of equal length; what differs by no more than the noise between updates is taken for
    equal. A held-out loss that rose or a held-out score that fell comes before praise of the training loss: the
    held-out results, not the training loss, are what a run is for.
    """
    curve = [snapshot for snapshot in snapshots if snapshot.phase is Phase.TUNING]
    if len(curve) < _FEWEST_POINTS:
        return ""
    rate = f"{plan.parameters.learning_rate:g}"
    losses = _parts([snapshot.loss for snapshot in curve])
    error = _standard_error([snapshot.loss for snapshot in curve])
    least = max(_CLEAR * error, _LEAST_CHANGE * losses[0])
    drop = losses[0] - min(losses)
    if losses[-1] - losses[0] > least:
        return f"The loss rose from {losses[0]:.2f} to {losses[-1]:.2f}: it diverged; try a smaller rate than {rate}."
    if drop > least and losses[-1] - min(losses) > max(0.3 * drop, least):
        return (
            f"The loss fell to {min(losses):.2f} and rose to {losses[-1]:.2f} again: it overshot; "
            f"try a smaller rate than {rate}."
        )
    overfitted = _overfitted(curve)
    if overfitted:
        return overfitted
    updates = _fit_updates(plan)
    if updates < FEW_UPDATES:
        return (
            f"The loss reached {losses[-1]:.2f} in {updates} updates, too few to tell: "
            f"try more epochs than {plan.parameters.num_epochs}, or smaller batches."
        )
    if drop <= least:
        return (
            f"The loss hardly moved ({losses[0]:.2f} to {losses[-1]:.2f}): "
            f"try more epochs than {plan.parameters.num_epochs}, or a larger rate than {rate}."
        )
    fallen = _fallen_score(curve, plan)
    if fallen:
        return fallen
    if losses[-2] - losses[-1] > max(0.08 * drop, _LIKELY * error):
        return (
            f"The loss was still falling at the end ({losses[-2]:.2f} to {losses[-1]:.2f}): "
            f"try more epochs than {plan.parameters.num_epochs}, or a larger rate than {rate}."
        )
    if losses[1] - losses[-1] < 0.1 * drop:
        return (
            f"The loss levelled off early, near {losses[-1]:.2f} by epoch {curve[len(curve) * 2 // _PARTS].epoch:.0f}: "
            f"a smaller rate than {rate} may get further."
        )
    return f"The loss levelled off near {losses[-1]:.2f} towards the end: rate and epochs suit this data."


def _overfitted(curve: Sequence[Snapshot]) -> str:
    """Says so when the held-out loss was best long before the end."""
    measured = [
        (snapshot.epoch, snapshot.validation_loss) for snapshot in curve if snapshot.validation_loss is not None
    ]
    if len(measured) < _FEWEST_POINTS:
        return ""
    best_epoch, best = min(measured, key=lambda point: point[1])
    last_epoch, last = measured[-1]
    if best_epoch > 0.6 * last_epoch or last < 1.1 * best:
        return ""
    return (
        f"The held-out loss was lowest at epoch {best_epoch:.0f} ({best:.2f}) and {last:.2f} at the end: later epochs "
        "fitted the training rows only; more data helps, or fewer epochs."
    )


def _fallen_score(curve: Sequence[Snapshot], plan: TunePlan) -> str:
    """One sentence when the held-out score ended well below its best; empty otherwise.

    Two kinds of noise are in a score. From epoch to epoch it varies on the same rows: the best of many epochs is above
    the last by chance, so that fifths of the curve are compared, not single epochs. And the rows are a sample: a fall
    of less than two standard errors of a share of so many rows need not show on others, and the sentence says so.
    """
    measured = [
        (snapshot.epoch, snapshot.validation_metric) for snapshot in curve if snapshot.validation_metric is not None
    ]
    if len(measured) < _FEWEST_POINTS:
        return ""
    best_epoch, best = max(measured, key=lambda point: point[1])
    last, scores = measured[-1][1], [score for _, score in measured]
    parts = _parts(scores)
    fall = max(parts) - parts[-1]
    between_rows = sqrt(best * (1 - best) / plan.validation_row_count) if 0 <= best <= 1 else 0.0
    if fall <= max(_CLEAR * _standard_error(scores), between_rows, _LEAST_FALL):
        return ""
    told = f"The held-out score was highest at epoch {best_epoch:.0f} ({best:.3f}) and {last:.3f} at the end"
    kept = "that epoch was kept" if plan.parameters.keep_best else f"compare it with a run of {best_epoch:.0f} epochs"
    if fall <= _LIKELY * between_rows:
        return f"{told}, which may be chance on {plan.validation_row_count} rows; {kept}."
    return (
        f"{told}, more than chance on {plan.validation_row_count} rows; {kept}, or try a smaller rate than "
        f"{plan.parameters.learning_rate:g}."
    )


def _fit_updates(plan: TunePlan) -> int:
    """Updates that the curve was to have; those of a refit are no part of it."""
    parameters = plan.parameters
    return parameters.num_epochs * updates_per_epoch(
        plan.training_row_count, parameters.batch_size, parameters.accumulate_steps
    )


def _standard_error(losses: Sequence[float]) -> float:
    """That of the difference between the means of two parts.

    The median step between neighbours tells the noise of one update (0.954 of its standard deviation where it is
    normal), whatever the trend and whatever few steps are far larger.
    """
    deviation = median(abs(after - before) for before, after in pairwise(losses)) / 0.954
    return deviation * sqrt(2 * _PARTS / len(losses))


def _parts(values: Sequence[float]) -> list[float]:
    """Means of five parts of equal length."""
    edges = [round(part * len(values) / _PARTS) for part in range(_PARTS + 1)]
    return [sum(values[low:high]) / (high - low) for low, high in pairwise(edges)]
