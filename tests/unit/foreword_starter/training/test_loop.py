from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from foreword_starter.training.loop import LoopSettings, Step, run_loop
from foreword_starter.training.precision import MasterWeights, RateGroup
from foreword_starter.training.schedule import rate_factor


class Line:
    """A stage that fits a line to random numbers."""

    def __init__(self):
        torch.manual_seed(0)
        self.module = nn.Linear(2, 1)
        self.generator = torch.Generator().manual_seed(1)

    def forward(self, progress):
        x = torch.randn(4, 2, generator=self.generator)
        loss = (self.module(x) - x.sum(dim=1, keepdim=True)).square().mean()
        return Step(loss=loss, tokens=4, figures={})

    def after_update(self):
        pass

    def state_dict(self):
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state):
        self.generator.set_state(state["generator"])


def train(folder, *, stop_at=float("inf")):
    """Train for twelve updates of one second each."""
    line, seconds = Line(), itertools.count()
    weights = MasterWeights(
        [RateGroup(rate=0.05, parameters=dict(line.module.named_parameters()))], weight_decay=0.0, clip=1.0
    )
    settings = LoopSettings(minutes=0.2, save_minutes=10)
    finished = run_loop(line, weights, settings, folder=folder, stop_at=stop_at, clock=lambda: float(next(seconds)))
    return line.module.weight.detach().clone(), finished


def test_a_stopped_and_resumed_run_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    unbroken, _ = train(tmp_path / "unbroken")

    _, finished = train(tmp_path / "stopped", stop_at=5.0)
    resumed, finished_then = train(tmp_path / "stopped")

    assert (finished, finished_then) == (False, True)
    assert torch.equal(resumed, unbroken)


def test_small_updates_are_not_lost_in_bfloat16():
    parameter = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    weights = MasterWeights([RateGroup(rate=1e-4, parameters={"w": parameter})], weight_decay=0.0, clip=1.0)

    for _ in range(100):
        parameter.grad = torch.ones_like(parameter)
        weights.step(1.0)

    assert parameter.item() == pytest.approx(0.99, abs=0.005)


def test_the_rate_rises_then_falls_to_nearly_zero():
    factors = [rate_factor(share / 100, warmup=0.1) for share in range(101)]

    assert max(factors) == pytest.approx(1.0)
    assert factors.index(max(factors)) == 10
    assert factors[-1] == pytest.approx(0.02)
