"""Runs that are tuned together in tests, and the comparison of their results with those of the same runs alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from foreword.plugin.interfaces import Artifact
from foreword.tuning.co_tuning import CoTuner, StepOutcome
from foreword.tuning.run import TuningRun

LARGEST_MEDIAN = 1e-5
LARGEST_NORM = 1e-2


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


def assert_equal_up_to_rounding(found: Artifact, expected: Artifact, start: Artifact) -> None:
    """Compare the results of a run in fp32 in two companies, relative to the changes that the run has made.

    A common pass adds up the same numbers in another order, which changes losses and gradients by about 1e-6. The
    optimisers divide each number's gradient by its usual size. So half of the numbers must differ by no more than 1e-5
    of a mean change, but one whose gradient is nearly 0 may differ by far more: all together by no more than 1e-2.

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
