from __future__ import annotations

import pytest

from factories.runs import make_parameters, make_rows, make_run
from factories.tiny_models import tiny_model
from foreword.tuning.company.co_tuning import tune
from foreword.tuning.runs.selection import Selection


def _offer_all(results) -> Selection:
    selection = Selection()
    for epoch, (loss, metric) in enumerate(results, start=1):
        selection.offer(epoch, loss=loss, metric=metric)
    return selection


def test_the_metric_decides_and_the_loss_breaks_ties():
    assert _offer_all([(0.5, 0.4), (0.9, 0.6), (0.8, 0.6), (0.3, 0.5)]).best_epoch == 3


def test_without_a_metric_the_loss_decides():
    assert _offer_all([(0.5, None), (0.4, None), (0.6, None)]).best_epoch == 2


def test_epochs_are_stale_only_while_neither_metric_nor_loss_gets_better():
    assert _offer_all([(0.5, 0.6), (0.4, 0.5), (0.3, 0.5)]).stale_epochs == 0
    assert _offer_all([(0.3, 0.6), (0.4, 0.5), (0.5, 0.6)]).stale_epochs == 2


def test_a_run_stops_at_a_perfect_metric_even_if_the_loss_still_creeps():
    assert _offer_all([(0.050, 1.0), (0.048, 1.0), (0.046, 1.0), (0.044, 1.0)]).stale_epochs == 3


@pytest.mark.parametrize(("patience", "exhausted"), [(0, False), (2, True), (3, False)])
def test_a_patience_of_zero_never_stops(patience, exhausted):
    assert _offer_all([(0.3, 0.6), (0.4, 0.5), (0.5, 0.6)]).exhausted(patience) is exhausted


def test_a_run_stops_early_and_reports_no_updates_left():
    # A rate too small for a noticeable change.
    parameters = make_parameters(num_epochs=9, learning_rate=1e-8, early_stopping_patience=2)
    run = make_run(tiny_model("bart"), make_rows(), parameters, evaluate=lambda _: 0.5)

    report = list(tune(run))[-1]

    assert report.epoch == pytest.approx(3.0)
    assert report.total_steps == report.step


def test_a_selection_survives_a_checkpoint():
    selection = _offer_all([(0.5, 0.4), (0.9, 0.6)])

    assert Selection.from_json(selection.to_json()) == selection
