"""The price of a token, which updates without company refine."""

from __future__ import annotations

import pytest

from foreword.domain.experiment import Phase
from foreword.domain.machine_speed import Machine
from foreword.scheduling.price import TokenPrice
from foreword.storage.workers.machine_speeds import MachineSpeeds
from foreword.tuning.runs.results import StepReport

MACHINE = Machine(base_model="tiny--bart", device="cpu", dtype="float32")


def report(seconds: float) -> StepReport:
    return StepReport(
        step=1, total_steps=100, epoch=0.1, loss=1.0, learning_rate=0.1, rows=4, tokens=100, seconds=seconds,
        phase=Phase.TUNING,
    )  # fmt: skip


def refined(shop, seconds: list[float], *, is_alone: bool = True) -> float:
    """Return the stored time of a token after updates of 100 tokens, the first of which pays for the warm-up."""
    speeds = MachineSpeeds(shop.workshop.database)
    price = TokenPrice(speeds, MACHINE, lambda: 0.5)
    for value in (1000.0, *seconds):
        price.observe(report(value), is_alone=is_alone)
    assert price.seconds_per_token == 0.5, "it stays the same for the runs of a company"
    price.settle()
    return speeds.get(MACHINE, lambda: 0.5).seconds_per_token


def test_updates_that_were_disturbed_do_not_make_tokens_dearer(shop):
    assert refined(shop, [1.0] * 10 + [20.0] * 10) == pytest.approx(0.01)


def test_too_few_updates_and_those_in_company_change_nothing(shop):
    assert refined(shop, [1.0] * 7) == 0.5
    assert refined(shop, [1.0] * 20, is_alone=False) == 0.5
