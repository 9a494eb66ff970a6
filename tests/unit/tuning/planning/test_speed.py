from __future__ import annotations

import time
from dataclasses import replace

import pytest

from factories.tiny_models import tiny_model
from foreword.domain.base_model import Architecture
from foreword.tuning.planning.speed import TuningSpeed

SPEC = replace(tiny_model("bart").spec, hidden_size=256, parameter_count=10_000_000)


def test_the_time_of_a_token_is_proportional_to_the_weights_that_it_passes():
    speed = TuningSpeed(device="cpu", dtype="float32")

    both = speed.seconds_per_token(SPEC)
    causal = speed.seconds_per_token(replace(SPEC, architecture=Architecture.CAUSAL))
    larger = speed.seconds_per_token(replace(SPEC, parameter_count=30_000_000))

    assert 0 < both < 1
    assert causal == pytest.approx(2 * both)
    assert larger == pytest.approx(3 * both)


def test_a_width_is_measured_once_and_in_two_seconds():
    speed = TuningSpeed(device="cpu", dtype="float32")
    speed.seconds_per_token(SPEC)  # torch is imported and its threads are there
    seconds = []
    for _ in range(2):
        begin = time.process_time()
        speed.seconds_per_token(replace(SPEC, hidden_size=1024))
        seconds.append(time.process_time() - begin)

    assert seconds[1] < 0.01 < seconds[0] + 0.01
    assert seconds[0] / max(1, _threads()) < 2


def _threads() -> int:
    import torch

    return torch.get_num_threads()


@pytest.mark.parametrize("width", [8, 96, 100, 8192])
def test_any_width_is_measured(width):
    assert TuningSpeed(device="cpu", dtype="float32").seconds_per_token(replace(SPEC, hidden_size=width)) > 0
