"""Decoding of evaluations and their rows."""

from __future__ import annotations

from foreword.client import decode_values as values
from foreword.client import evaluation_resources as resources
from foreword.domain.evaluation import SystemDifference
from foreword.domain.job import JobState
from foreword.v1 import evaluation_pb2


def evaluation(message: evaluation_pb2.Evaluation, *, planned: bool = False) -> resources.Evaluation:
    """Decode an evaluation. If `planned`, it was only validated and has no state; it is returned as queued."""
    is_queued = planned and not message.state
    states = evaluation_pb2.Evaluation.State
    return resources.Evaluation(
        name=message.name,
        display_name=message.display_name,
        description=message.description,
        dataset=message.dataset,
        systems=tuple(_system(item) for item in message.systems),
        task=message.task,
        task_options=values.task_options(message.task_options),
        examples_dataset=message.examples_dataset,
        state=JobState.QUEUED if is_queued else values.member(JobState, states, "STATE_", message.state),
        failure=values.failure(message),
        progress=_progress(message.progress),
        results=tuple(values.evaluation(item) for item in message.results),
        differences=tuple(_difference(item) for item in message.differences),
        differing_row_count=message.differing_row_count,
        estimated_seconds=message.estimated_seconds,
        capacity_unit_hours=message.capacity_unit_hours,
        creator=message.creator,
        create_time=values.time(message, "create_time"),
        update_time=values.time(message, "update_time"),
        start_time=values.time(message, "start_time"),
        end_time=values.time(message, "end_time"),
        wait_start_time=values.time(message, "wait_start_time"),
        partial=message.partial,
        warnings=tuple(values.finding(item) for item in message.warnings),
        retry_of=message.retry_of,
        resumed_count=message.resumed_count,
    )


def evaluation_row(message: evaluation_pb2.EvaluationRow) -> resources.EvaluationRow:
    """Decode a row with the answers of all systems."""
    return resources.EvaluationRow(
        row=message.row,
        input=message.input,
        reference=message.reference,
        answers=tuple(_answer(item) for item in message.answers),
    )


def _system(message: evaluation_pb2.EvaluatedSystem) -> resources.EvaluatedSystem:
    return resources.EvaluatedSystem(
        model=message.model,
        id=message.id,
        shots=message.shots,
        constrained=message.constrained,
        instruction=message.instruction,
        verbalizer=message.verbalizer,
        version=message.version,
    )


def _progress(message: evaluation_pb2.EvaluationProgress) -> resources.EvaluationProgress:
    return resources.EvaluationProgress(
        percent=message.percent,
        answered_count=message.answered_count,
        total_count=message.total_count,
        remaining_seconds=values.optional(message, "remaining_seconds"),
        phase=message.phase,
    )


def _difference(message: evaluation_pb2.SystemDifference) -> SystemDifference:
    return SystemDifference(
        system=message.system,
        reference=message.reference,
        metric=message.metric,
        difference=message.difference,
        interval=values.interval(message.interval) if message.HasField("interval") else None,
    )


def _answer(message: evaluation_pb2.EvaluationAnswer) -> resources.EvaluationAnswer:
    return resources.EvaluationAnswer(
        system=message.system,
        answer=message.answer,
        score=message.score,
        probability=values.optional(message, "probability"),
        # A map of the API has no order.
        label_probabilities=dict(sorted(message.label_probabilities.items(), key=lambda item: (-item[1], item[0]))),
        tokens=message.tokens,
    )
