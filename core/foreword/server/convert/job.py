"""Conversion of what all resources with a job have in common."""

from __future__ import annotations

from typing import Any

from foreword.domain.batch_job import BatchJob
from foreword.domain.evaluation import Evaluation
from foreword.domain.experiment import TuneExperiment
from foreword.server.calls.status import failure_status
from foreword.server.convert.timestamps import timestamp


def job_fields(item: TuneExperiment | Evaluation | BatchJob) -> dict[str, Any]:
    """Return the fields of a message that are about its job."""
    return {
        "state": f"STATE_{item.state.name}",
        "error": failure_status(item.failure),
        "capacity_unit_hours": item.compute_seconds / 3600,
        "creator": item.creator,
        "create_time": timestamp(item.create_time),
        "update_time": timestamp(item.update_time),
        "start_time": timestamp(item.start_time),
        "end_time": timestamp(item.end_time),
        "wait_start_time": timestamp(item.wait_start_time),
    }
