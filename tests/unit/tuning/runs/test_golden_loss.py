"""The losses of tuning under a fixed seed, so that no formula changes unnoticed.

Write them again with `PYTHONPATH=tests python tests/unit/tuning/runs/test_golden_loss.py`, and say in the commit why
they changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from factories.runs import make_parameters, make_rows, make_run
from foreword.cli.threads import let_idle_threads_sleep
from foreword.domain.base_model import Architecture
from foreword.plugin.interfaces import TuningMethod
from foreword.testing.tiny_models import TinyModel
from foreword.tuning.company.co_tuning import tune
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning

GOLDEN = Path(__file__).with_name("golden_losses.json")
RELATIVE = 1e-5
"""Processors and numbers of threads change the losses by 4e-7. A schedule that is off by one changes them by 1e-2, a
second beta of AdamW of 0.999 by 1e-4."""

METHODS: dict[str, TuningMethod] = {"prompt_tuning": PromptTuning(), "ia3": IA3()}
CASES = [
    (architecture, method, optimizer)
    for architecture in Architecture
    for method in METHODS
    for optimizer in ("adamw", "adafactor")
]


def losses_of(architecture: Architecture, method: str, optimizer: str) -> dict[str, list[float]]:
    """Return the losses of every update and every epoch of a short run in fp32."""
    # The run uses all formulas: warm-up and decay of the rate, a short last window, clipping, weight decay, dropout,
    # averaging, and a refit on all rows.
    parameters = make_parameters(
        num_epochs=3, batch_size=3, accumulate_steps=2, learning_rate=0.1, seed=7, optimizer=optimizer,
        schedule="cosine", warmup_ratio=0.2, weight_decay=0.01, max_gradient_norm=0.05, refit=True,
        method_parameters={"token_dropout": 0.2, "averaging": 0.9},
    )  # fmt: skip
    model = TinyModel(architecture).load(device="cpu", dtype="float32")
    run = make_run(model, make_rows(16), parameters, method=METHODS[method], evaluate=lambda _: 0.5)
    reports = list(tune(run))
    return {
        "losses": [report.loss for report in reports],
        "validation_losses": [report.validation_loss for report in reports if report.validation_loss is not None],
    }


def key_of(architecture: Architecture, method: str, optimizer: str) -> str:
    return f"{architecture.value}/{method}/{optimizer}"


@pytest.fixture(scope="module")
def golden() -> Any:
    return json.loads(GOLDEN.read_text())


@pytest.mark.parametrize(("architecture", "method", "optimizer"), CASES)
def test_a_run_under_a_fixed_seed_has_the_recorded_losses(golden, architecture, method, optimizer):
    found = losses_of(architecture, method, optimizer)

    expected = golden[key_of(architecture, method, optimizer)]
    assert found["losses"] == pytest.approx(expected["losses"], rel=RELATIVE)
    assert found["validation_losses"] == pytest.approx(expected["validation_losses"], rel=RELATIVE)


def write() -> None:
    """Write the losses of all cases."""
    let_idle_threads_sleep()
    numbers = {key_of(*case): losses_of(*case) for case in CASES}
    rounded = {
        key: {name: [round(loss, 6) for loss in losses] for name, losses in found.items()}
        for key, found in numbers.items()
    }
    GOLDEN.write_text(json.dumps(rounded, indent=2) + "\n")


if __name__ == "__main__":
    write()
