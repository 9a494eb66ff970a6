"""Decoding of batch jobs and their answers."""

from __future__ import annotations

from foreword.client import batch_resources as resources
from foreword.client import decode_values as values
from foreword.client.decode import token_usage
from foreword.client.other_fields import read_fields
from foreword.domain.inference import StopReason
from foreword.domain.job import JobState
from foreword.v1 import batch_job_pb2, inference_pb2


def batch_job(message: batch_job_pb2.BatchJob, *, planned: bool = False) -> resources.BatchJob:
    """Decode a batch job. If `planned`, it was only validated and has no state; it is returned as queued."""
    is_queued = planned and not message.state
    states = batch_job_pb2.BatchJob.State
    return resources.BatchJob(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        dataset=message.dataset,
        model=message.model,
        version=message.version,
        method=message.WhichOneof("request") or "",
        plan=resources.BatchJobPlan(
            row_count=message.plan.row_count,
            input_tokens=message.plan.input_tokens,
            estimated_seconds=message.plan.estimated_seconds,
            capacity_unit_hours=message.plan.capacity_unit_hours,
        ),
        state=JobState.QUEUED if is_queued else values.member(JobState, states, "STATE_", message.state),
        failure=values.failure(message),
        progress=resources.BatchJobProgress(
            percent=message.progress.percent,
            answered_count=message.progress.answered_count,
            failed_count=message.progress.failed_count,
            total_count=message.progress.total_count,
            remaining_seconds=values.optional(message.progress, "remaining_seconds"),
            phase=message.progress.phase,
        ),
        capacity_unit_hours=message.capacity_unit_hours,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
        start_time=values.time(message, "start_time"),
        end_time=values.time(message, "end_time"),
        wait_start_time=values.time(message, "wait_start_time"),
        retry_of=message.retry_of,
        resumed_count=message.resumed_count,
    )


def batch_answer(message: batch_job_pb2.BatchAnswer) -> resources.BatchAnswer:
    """Decode the answer to a row."""
    reason = message.stop_reason
    return resources.BatchAnswer(
        row=message.row,
        input=message.input,
        fields=read_fields(message.fields_json),
        answer=message.answer,
        labels=tuple(message.labels),
        abstained=message.abstained,
        probability=values.optional(message, "probability"),
        # A map of the API has no order.
        label_probabilities=dict(sorted(message.label_probabilities.items(), key=lambda item: (-item[1], item[0]))),
        stop_reason=values.member(StopReason, inference_pb2.StopReason, "STOP_REASON_", reason) if reason else None,
        usage=token_usage(message.usage) if message.HasField("usage") else None,
        seed=message.seed,
        failure=values.failure(message),
    )
