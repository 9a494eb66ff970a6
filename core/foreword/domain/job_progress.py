"""The progress of jobs of any kind."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from foreword.domain.batch_job import BatchJobPhase, BatchJobProgress
from foreword.domain.evaluation import EvaluationPhase, EvaluationProgress
from foreword.domain.experiment import Phase, Progress

AnyProgress = Progress | EvaluationProgress | BatchJobProgress
"""The progress of a job of any kind."""

AnyPhase = Phase | EvaluationPhase | BatchJobPhase
"""The phase of a job of any kind."""

P = TypeVar("P", Progress, EvaluationProgress, BatchJobProgress)


def loading(progress: P) -> P:
    """Return the progress of a job at the begin of its turn."""
    return dataclasses.replace(progress, phase=type(progress.phase)["LOADING"], remaining_seconds=None)


def waiting(progress: P) -> P:
    """Return the progress of a job while it waits for a worker."""
    return dataclasses.replace(progress, phase=type(progress.phase)["WAITING"], remaining_seconds=None)
