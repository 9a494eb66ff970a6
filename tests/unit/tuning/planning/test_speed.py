from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from factories.tiny_models import tiny_model
from foreword.domain.base_model import Architecture
from foreword.tuning.planning.speed import TuningSpeed, measure

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


@contextmanager
def busy_cores() -> Iterator[None]:
    """Keep every core busy with two other processes."""
    spin = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(10_000))"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_busy_machine_has_the_speed_of_an_idle_one():
    measure("cpu", "float32", 256)  # torch is imported and its threads are there
    idle = measure("cpu", "float32", 256)

    with busy_cores():
        busy = measure("cpu", "float32", 256)

    assert 0.5 < busy / idle < 2
