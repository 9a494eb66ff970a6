"""Successive halving: which trials are stopped, in whatever order they reach the rungs."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from foreword.domain.halving import HeldOutScore, Rung, TrialScores, choose_stops, expected_epochs, make_rungs

NUM_EPOCHS = 16


def curve(*metrics: float) -> tuple[HeldOutScore, ...]:
    """Return the scores of the first epochs."""
    return tuple(HeldOutScore(epoch=epoch, metric=metric, loss=1.0) for epoch, metric in enumerate(metrics, start=1))


def stopped(trials: Sequence[TrialScores], rungs: Sequence[Rung]) -> set[int]:
    return {stop.number for stop in choose_stops(trials, rungs)}


def test_eight_trials_of_sixteen_epochs_are_halved_after_two_four_and_eight() -> None:
    assert make_rungs(8, NUM_EPOCHS) == (
        Rung(epoch=2, keep=4),
        Rung(epoch=4, keep=2),
        Rung(epoch=8, keep=1),
    )
    assert expected_epochs(make_rungs(8, NUM_EPOCHS), 8, NUM_EPOCHS) * 8 / NUM_EPOCHS == 2.5  # of one trial


def test_few_trials_and_few_epochs_have_fewer_rungs() -> None:
    assert make_rungs(2, NUM_EPOCHS) == (Rung(epoch=8, keep=1),)
    assert make_rungs(3, NUM_EPOCHS) == (Rung(epoch=4, keep=2), Rung(epoch=8, keep=1))
    assert make_rungs(8, 2) == (Rung(epoch=1, keep=1),)
    assert make_rungs(8, 1) == ()
    assert make_rungs(1, NUM_EPOCHS) == ()
    assert expected_epochs((), 8, NUM_EPOCHS) == NUM_EPOCHS


@given(st.integers(2, 64), st.integers(1, 200))
def test_rungs_come_before_the_end_and_each_keeps_fewer_trials(num_trials: int, num_epochs: int) -> None:
    rungs = make_rungs(num_trials, num_epochs)

    assert [rung.epoch for rung in rungs] == sorted({rung.epoch for rung in rungs})
    assert all(0 < rung.epoch < num_epochs for rung in rungs)
    assert all(second.keep < first.keep or second.keep == 1 for first, second in itertools.pairwise(rungs))
    assert all(1 <= rung.keep < num_trials for rung in rungs)
    assert 1 / num_trials <= expected_epochs(rungs, num_trials, num_epochs) / num_epochs <= 1


def test_a_trial_is_stopped_once_enough_others_are_better_and_not_before() -> None:
    rungs = (Rung(epoch=2, keep=2),)
    weak = TrialScores(number=1, scores=curve(0.1, 0.2), is_complete=False)
    one = TrialScores(number=2, scores=curve(0.3, 0.3), is_complete=False)
    late = TrialScores(number=3, scores=curve(0.9), is_complete=False)  # has not reached the rung

    assert stopped([weak, one, late], rungs) == set()

    (stop,) = choose_stops([weak, one, TrialScores(number=3, scores=curve(0.9, 0.1), is_complete=False)], rungs)
    assert (stop.number, stop.rung, stop.score.metric) == (1, rungs[0], 0.2)


def test_equal_metrics_are_compared_by_loss_and_equal_losses_by_number() -> None:
    def trial(number: int, loss: float, metric: float | None) -> TrialScores:
        return TrialScores(number=number, scores=(HeldOutScore(epoch=1, metric=metric, loss=loss),), is_complete=False)

    rungs = (Rung(epoch=1, keep=1),)

    assert stopped([trial(1, 0.5, 0.2), trial(2, 0.4, 0.2)], rungs) == {1}
    assert stopped([trial(1, 0.5, None), trial(2, 0.4, None)], rungs) == {1}
    assert stopped([trial(1, 0.4, 0.2), trial(2, 0.4, 0.2)], rungs) == {2}


def test_a_trial_that_has_ended_early_keeps_its_score_at_later_rungs() -> None:
    rungs = (Rung(epoch=4, keep=1),)
    short = TrialScores(number=1, scores=curve(0.9), is_complete=True)
    long = TrialScores(number=2, scores=curve(0.1, 0.2, 0.3, 0.4), is_complete=False)

    assert stopped([short, long], rungs) == {2}


def test_a_trial_that_keeps_its_last_epoch_is_compared_by_it() -> None:
    rungs = (Rung(epoch=2, keep=1),)

    def trial(number: int, *metrics: float, keeps_best: bool) -> TrialScores:
        return TrialScores(number=number, scores=curve(*metrics), is_complete=False, keeps_best=keeps_best)

    falling, steady = (0.9, 0.2), (0.4, 0.4)
    assert stopped([trial(1, *falling, keeps_best=True), trial(2, *steady, keeps_best=True)], rungs) == {2}
    assert stopped([trial(1, *falling, keeps_best=False), trial(2, *steady, keeps_best=False)], rungs) == {1}


def test_a_score_that_is_not_a_number_is_worse_than_any_other() -> None:
    def trial(number: int, loss: float) -> TrialScores:
        return TrialScores(number=number, scores=(HeldOutScore(epoch=1, metric=None, loss=loss),), is_complete=False)

    losses = (float("nan"), 0.5, 0.4, 0.3)
    found = stopped([trial(number, loss) for number, loss in enumerate(losses, start=1)], (Rung(epoch=1, keep=1),))

    assert found == {1, 2, 3}


def test_a_trial_that_has_failed_does_not_stop_others() -> None:
    rungs = (Rung(epoch=1, keep=1),)
    failed = TrialScores(number=1, scores=curve(0.9), is_complete=False, counts=False)
    sound = TrialScores(number=2, scores=curve(0.1), is_complete=False)

    assert stopped([failed, sound], rungs) == set()


CURVES = st.lists(st.lists(st.integers(0, 5), min_size=NUM_EPOCHS, max_size=NUM_EPOCHS), min_size=2, max_size=12)


class Race:
    """Trials that make their epochs in an order that the test chooses, and are stopped as they go."""

    def __init__(self, metrics: list[list[int]]) -> None:
        self.rungs = make_rungs(len(metrics), NUM_EPOCHS)
        self.curves = [curve(*(value / 5 for value in values)) for values in metrics]
        self.made = [0] * len(metrics)
        self.out: set[int] = set()

    @property
    def going(self) -> list[int]:
        """The trials that have epochs left."""
        return [number for number, made in enumerate(self.made) if number not in self.out and made < NUM_EPOCHS]

    def make_epoch(self, number: int) -> None:
        """Let a trial make an epoch, unless it has been stopped."""
        if number in self.going:
            self.made[number] += 1
            self.out |= stopped(self.trials(), self.rungs)

    def trials(self) -> list[TrialScores]:
        return [
            TrialScores(
                number=number,
                scores=self.curves[number][: self.made[number]],
                is_complete=False,
                counts=number not in self.out,
            )
            for number in range(len(self.curves))
        ]


@given(CURVES, st.randoms(use_true_random=False))
def test_trials_that_keep_pace_are_halved_as_if_they_had_waited_for_each_other(
    metrics: list[list[int]], chance: random.Random
) -> None:
    race = Race(metrics)
    going = set(range(len(metrics)))
    for epoch in range(1, NUM_EPOCHS + 1):
        for number in chance.sample(range(len(metrics)), len(metrics)):
            race.make_epoch(number)
        for rung in race.rungs:
            if rung.epoch == epoch:
                best = sorted(going, key=lambda number: (-max(metrics[number][:epoch]), number))
                going = set(best[: rung.keep])
        assert set(range(len(metrics))) - race.out == going


@given(CURVES, st.randoms(use_true_random=False))
def test_in_any_order_one_trial_goes_on_and_no_more_than_the_last_rung_keeps(
    metrics: list[list[int]], chance: random.Random
) -> None:
    race = Race(metrics)
    while going := race.going:
        race.make_epoch(chance.choice(going))

    left = len(metrics) - len(race.out)
    assert 1 <= left <= (race.rungs[-1].keep if race.rungs else len(metrics))
