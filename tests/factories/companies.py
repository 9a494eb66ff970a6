"""Runs of several kinds that are tuned together, and the comparison of their results with those of the runs alone."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from factories.runs import make_parameters, make_rows, make_run
from factories.tiny_models import tiny_model
from foreword.plugin.interfaces import Artifact, LoadedModel
from foreword.tuning.company.co_tuning import CoTuner, StepOutcome, tune
from foreword.tuning.runs.results import StepReport, TrainResult
from foreword.tuning.runs.run import TuningRun
from foreword_methods.ia3 import IA3
from foreword_methods.prompt_tuning import PromptTuning

SHAPES = ("bart", "llama")

KINDS: Mapping[str, Mapping[str, Any]] = {
    "short prompt": {"num_virtual_tokens": 3, "batch_size": 2, "learning_rate": 0.05},
    "long prompt": {
        "num_virtual_tokens": 11, "batch_size": 5, "accumulate_steps": 2, "num_epochs": 4, "learning_rate": 0.2,
        "seed": 3, "optimizer": "adafactor", "method_parameters": {"token_dropout": 0.2, "averaging": 0.5},
    },
    "factors": {"method": IA3(), "batch_size": 3, "learning_rate": 0.02, "schedule": "cosine", "refit": True},
    "factors by adafactor": {
        "method": IA3(), "batch_size": 8, "num_epochs": 4, "learning_rate": 0.01, "optimizer": "adafactor",
        "warmup_ratio": 0.3, "weight_decay": 0.01, "max_gradient_norm": 0.05,
    },
}  # fmt: skip
"""Parameters of runs that differ in all that a run has for itself."""

LARGEST_MEDIAN = 1e-4
LARGEST_NORM = 1e-2


@dataclass(frozen=True, kw_only=True)
class Solo:
    """A run that was tuned alone.

    Attributes:
        start: The artifact before the first update.
    """

    start: Artifact
    reports: Sequence[StepReport]
    result: TrainResult


def run_of(model: LoadedModel, kind: str, **arguments: Any) -> TuningRun:
    """Return a new run of a kind, by default with a constant metric."""
    values = dict(KINDS[kind])
    method = values.pop("method", None) or PromptTuning()
    rows = make_rows(18 + len(kind) % 5)
    return make_run(model, rows, make_parameters(**values), method=method, **{"evaluate": lambda _: 0.5, **arguments})


@functools.cache
def solo(shape: str, kind: str) -> Solo:
    """Tune a run of a kind alone. Tiny models of one shape have the same weights."""
    run = run_of(tiny_model(shape), kind)
    start = run._learner.trainable.finish()
    return Solo(start=start, reports=tuple(tune(run)), result=run.result())


def tune_together(
    company: CoTuner, runs: Sequence[TuningRun], *, join_at: Mapping[TuningRun, int] | None = None
) -> list[StepOutcome]:
    """Tune runs, each of a tenant of its own, to their end, and return what each step has achieved.

    Args:
        join_at: The number of steps before which a run joins; 0 for runs that are not in it.
    """
    waiting = {run: (join_at or {}).get(run, 0) for run in runs}
    outcomes: list[StepOutcome] = []
    while waiting or company.runs:
        for number, run in enumerate(runs):
            if run in waiting and waiting[run] <= len(outcomes):
                company.add(run, tenant=f"tenant{number}")
                del waiting[run]
        outcomes.append(company.step())
    return outcomes


def assert_equal_to_solo(shape: str, runs: Mapping[str, TuningRun]) -> None:
    """Compare ended runs, by kind, with the same runs alone."""
    for kind, run in runs.items():
        alone, found = solo(shape, kind), run.result()
        assert found.steps == alone.result.steps
        assert found.best_epoch == alone.result.best_epoch
        assert_equal_up_to_rounding(found.artifact, alone.result.artifact, alone.start)


def assert_equal_up_to_rounding(found: Artifact, expected: Artifact, start: Artifact) -> None:
    """Compare the results of a run in fp32 in two companies, relative to the changes that the run has made.

    A common pass adds up the same numbers in another order, which changes losses and gradients by about 1e-6, and every
    update enlarges the difference. So half of the numbers must differ by no more than 1e-4 of a mean change. The
    optimisers divide each number's gradient by its usual size, so that one whose gradient is nearly 0 may differ by far
    more: all together by no more than 1e-2.

    Args:
        start: The artifact before the first update.
    """
    found_N, expected_N, start_N = map(_flat, (found, expected, start))
    difference_N, change_N = (found_N - expected_N).abs(), (expected_N - start_N).abs()
    assert float(difference_N.median()) <= LARGEST_MEDIAN * float(change_N.mean())
    assert float(difference_N.norm()) <= LARGEST_NORM * float(change_N.norm())


def _flat(artifact: Artifact) -> torch.Tensor:
    """Return all tensors as one."""
    return torch.cat([artifact.tensors[name].flatten() for name in sorted(artifact.tensors)])
