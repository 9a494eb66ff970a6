"""Stored evaluations and batch jobs, and their answers."""

from __future__ import annotations

from foreword.domain.batch_job import BatchAnswer, BatchJob, BatchJobConfig, BatchJobPlan
from foreword.domain.evaluation import EvaluatedSystem, Evaluation, EvaluationConfig, SystemAnswer
from foreword.domain.experiment import TaskOptions
from foreword.domain.label_options import LabelOptions
from foreword.storage.artifacts.store import ArtifactStore
from foreword.storage.database import Database
from foreword.storage.jobs.leases import Lease
from foreword.storage.repositories.batch_jobs import BatchJobRepository
from foreword.storage.repositories.evaluations import EvaluationRepository
from foreword.storage.workers.answer_batches import AnswerBatches
from foreword.storage.workers.batch_parts import BatchParts

from .stored import store_dataset

BASE = EvaluatedSystem(id="base", model="baseModels/foreword--starter", base_model="foreword--starter")
ROWS_AT_ONCE = 2


def store_evaluation(database: Database, tenant: str = "acme") -> Evaluation:
    """Store a queued evaluation of a base model."""
    config = EvaluationConfig(
        dataset=store_dataset(database, tenant).id, task="classification", task_options=TaskOptions(), systems=(BASE,)
    )
    return EvaluationRepository(database, tenant).create(
        display_name="Evaluation",
        description="",
        config=config,
        estimated_seconds=1.0,
        creator="key-1",
        max_queued=100,
    )


def store_batch_job(database: Database, tenant: str = "acme") -> BatchJob:
    """Store a queued batch job of a base model."""
    config = BatchJobConfig(
        dataset=store_dataset(database, tenant).id,
        model="baseModels/foreword--starter",
        base_model="foreword--starter",
        classify=LabelOptions(labels=("Service", "Warehouse")),
    )
    return BatchJobRepository(database, tenant).create(
        display_name="Batch",
        description="",
        config=config,
        plan=BatchJobPlan(row_count=10, input_tokens=1, estimated_seconds=1.0),
        creator="key-1",
        max_queued=100,
    )


def answer_rows(database: Database, artifacts: ArtifactStore, lease: Lease, parts: int = 1) -> None:
    """Store the first answers of a leased evaluation or batch job, as its worker does; each part takes a second."""
    for number in range(parts):
        rows = range(number * ROWS_AT_ONCE + 1, (number + 1) * ROWS_AT_ONCE + 1)
        seconds = number + 1.0
        if isinstance(lease.subject, Evaluation):
            answers = [SystemAnswer(answer=f"answer {row}", tokens=row) for row in rows]
            AnswerBatches(database, artifacts, lease).add(0, number, answers, 1.0, seconds)
        else:
            found = [BatchAnswer(row=row, input=f"input {row}", answer=f"answer {row}") for row in rows]
            BatchParts(database, artifacts, lease).add(found, seconds)
