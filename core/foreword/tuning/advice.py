"""Advice on a learning curve, in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import median
from typing import Final

from foreword.domain.experiment import Phase, Snapshot, TunePlan
from foreword.tuning.planning.plan_warnings import FEW_UPDATES
from foreword.tuning.schedule import updates_per_epoch

_PARTS: Final = 5
_FEWEST_POINTS: Final = 5
_CLEAR: Final = 3
"""Standard errors above which a difference is not chance, even if the lowest of five parts is picked out."""
_LIKELY: Final = 2
"""Standard errors above which a difference between two given parts is likely to be real."""
_LEAST_FALL: Final = 0.02
"""Smallest fall of a held-out score that is reported, however many rows there are."""
_LEAST_CHANGE: Final = 0.05
"""Smallest change of the loss that is reported, as a share of the first loss, however little noise there is."""


def curve_advice(snapshots: Sequence[Snapshot], plan: TunePlan) -> str:
    """Return one sentence about the curve and what to try next; empty if there are too few points to judge.

    The curve is divided into five parts of equal length. Parts that differ by no more than the noise between updates
    count as equal. A risen held-out loss or a fallen held-out score takes precedence over a good training loss, because
    a run is judged by its held-out results.
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
        return (
            f"The loss rose from {losses[0]:.2f} to {losses[-1]:.2f}, so the run diverged; "
            f"try a learning rate below {rate}."
        )
    if drop > least and losses[-1] - min(losses) > max(0.3 * drop, least):
        return (
            f"The loss fell to {min(losses):.2f} and then rose to {losses[-1]:.2f}, so the run overshot; "
            f"try a learning rate below {rate}."
        )
    overfitted = _overfitted(curve)
    if overfitted:
        return overfitted
    updates = _fit_updates(plan)
    if updates < FEW_UPDATES:
        return (
            f"The loss reached {losses[-1]:.2f} in {updates} updates, too few to judge the settings; "
            f"train for more than {plan.parameters.num_epochs} epochs, or use smaller batches."
        )
    if drop <= least:
        return (
            f"The loss hardly moved ({losses[0]:.2f} to {losses[-1]:.2f}); "
            f"train for more than {plan.parameters.num_epochs} epochs, or try a learning rate above {rate}."
        )
    fallen = _fallen_score(curve, plan)
    if fallen:
        return fallen
    if losses[-2] - losses[-1] > max(0.08 * drop, _LIKELY * error):
        return (
            f"The loss was still falling at the end ({losses[-2]:.2f} to {losses[-1]:.2f}); "
            f"train for more than {plan.parameters.num_epochs} epochs, or try a learning rate above {rate}."
        )
    if losses[1] - losses[-1] < 0.1 * drop:
        return (
            f"The loss levelled off early, near {losses[-1]:.2f} by epoch {curve[len(curve) * 2 // _PARTS].epoch:.0f}; "
            f"a learning rate below {rate} may reach a lower loss."
        )
    return (
        f"The loss levelled off near {losses[-1]:.2f} towards the end; "
        "the learning rate and the number of epochs suit this data."
    )


def _overfitted(curve: Sequence[Snapshot]) -> str:
    """Return one sentence if the held-out loss was best long before the end; empty otherwise."""
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
        f"The held-out loss was lowest at epoch {best_epoch:.0f} ({best:.2f}) and ended at {last:.2f}, so later epochs "
        "only fitted the training rows more closely; add rows, or train for fewer epochs."
    )


def _fallen_score(curve: Sequence[Snapshot], plan: TunePlan) -> str:
    """Return one sentence if the held-out score ended well below its best; empty otherwise.

    A score has two kinds of noise. It varies from epoch to epoch on the same rows, so the best of many epochs exceeds
    the last one by chance; this function therefore compares fifths of the curve, not single epochs. And the rows are a
    sample: a fall below two standard errors of a share of that many rows may not occur on other rows, and the sentence
    says so.
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
    observation = f"The held-out score was highest at epoch {best_epoch:.0f} ({best:.3f}) and ended at {last:.3f}"
    rows = f"{plan.validation_row_count} held-out rows"
    keep_best = plan.parameters.keep_best
    kept = f"epoch {best_epoch:.0f} was kept" if keep_best else f"compare it with a run of {best_epoch:.0f} epochs"
    if fall <= _LIKELY * between_rows:
        return f"{observation}, which may be chance with {rows}; {kept}."
    return (
        f"{observation}, a fall too large to be chance with {rows}; {kept}{';' if keep_best else ', or'} "
        f"try a learning rate below {plan.parameters.learning_rate:g}."
    )


def _fit_updates(plan: TunePlan) -> int:
    """Return the planned number of updates of the curve, without those of a refit."""
    parameters = plan.parameters
    return parameters.num_epochs * updates_per_epoch(
        plan.training_row_count, parameters.batch_size, parameters.accumulate_steps
    )


def _standard_error(losses: Sequence[float]) -> float:
    """Return the standard error of the difference between the means of two parts.

    The median step between neighbours estimates the noise of one update (it is 0.954 standard deviations if the noise
    is normal). Neither a trend nor a few far larger steps distort it.
    """
    deviation = median(abs(after - before) for before, after in pairwise(losses)) / 0.954
    return deviation * sqrt(2 * _PARTS / len(losses))


def _parts(values: Sequence[float]) -> list[float]:
    """Return the means of five parts of equal length."""
    edges = [round(part * len(values) / _PARTS) for part in range(_PARTS + 1)]
    return [sum(values[low:high]) / (high - low) for low, high in pairwise(edges)]
