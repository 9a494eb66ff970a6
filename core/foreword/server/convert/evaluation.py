"""Conversion of evaluations and their rows to messages."""

from __future__ import annotations

from collections.abc import Sequence

from foreword.domain.evaluation import (
    AnsweredRow,
    EvaluatedSystem,
    Evaluation,
    EvaluationConfig,
    EvaluationProgress,
    SystemAnswer,
    SystemDifference,
)
from foreword.names import BaseModelName, DatasetName, EvaluationName, TunedModelName
from foreword.server.convert.job import job_fields
from foreword.server.convert.parameters import task_options
from foreword.server.convert.report import evaluations, finding, interval
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import evaluation_pb2


def evaluation(item: Evaluation) -> evaluation_pb2.Evaluation:
    """Convert an evaluation to a message."""
    message = planned_evaluation(item.tenant, item.display_name, item.description, item.config, item.estimated_seconds)
    message.name = str(EvaluationName(item.tenant, item.id))
    message.MergeFrom(
        evaluation_pb2.Evaluation(
            **job_fields(item),
            progress=_progress(item.progress),
            results=evaluations(item.results.systems),
            differences=[_difference(difference) for difference in item.results.differences],
            differing_row_count=item.results.differing_row_count,
            partial=item.results.partial,
            retry_of="" if item.retry_of is None else str(EvaluationName(item.tenant, item.retry_of)),
            resumed_count=item.resumed_count,
        )
    )
    return message


def planned_evaluation(
    tenant: str, display_name: str, description: str, config: EvaluationConfig, estimated_seconds: float
) -> evaluation_pb2.Evaluation:
    """Convert an evaluation that was only validated to a message."""
    examples = config.examples_dataset
    return evaluation_pb2.Evaluation(
        display_name=display_name,
        description=description,
        dataset=str(DatasetName(tenant, config.dataset)) if config.dataset else "",
        systems=[_system(tenant, system) for system in config.systems],
        task=config.task,
        task_options=task_options(config.task_options),
        examples_dataset="" if examples is None else str(DatasetName(tenant, examples)),
        estimated_seconds=estimated_seconds,
        warnings=[finding(item) for item in config.warnings],
    )


def evaluation_row(row: AnsweredRow, systems: Sequence[EvaluatedSystem]) -> evaluation_pb2.EvaluationRow:
    """Convert a row with the answers of all systems to a message."""
    check_cancelled()
    return evaluation_pb2.EvaluationRow(
        row=row.row,
        input=row.input,
        reference=row.reference,
        answers=[
            _answer(system.id, answer, score)
            for system, answer, score in zip(systems, row.answers, row.scores, strict=True)
            if answer is not None and score is not None
        ],
    )


def _system(tenant: str, system: EvaluatedSystem) -> evaluation_pb2.EvaluatedSystem:
    tuned = system.tuned_model
    return evaluation_pb2.EvaluatedSystem(
        model=system.model,
        id=system.id,
        shots=system.shots,
        constrained=system.constrained,
        instruction=system.instruction,
        verbalizer=system.verbalizer,
        version=str(BaseModelName(system.base_model) if tuned is None else TunedModelName(tenant, tuned)),
    )


def _progress(item: EvaluationProgress) -> evaluation_pb2.EvaluationProgress:
    return evaluation_pb2.EvaluationProgress(
        percent=item.percent,
        answered_count=item.answered_count,
        total_count=item.total_count,
        remaining_seconds=item.remaining_seconds,
        phase=item.phase.value,
    )


def _difference(item: SystemDifference) -> evaluation_pb2.SystemDifference:
    return evaluation_pb2.SystemDifference(
        system=item.system,
        reference=item.reference,
        metric=item.metric,
        difference=item.difference,
        interval=None if item.interval is None else interval(item.interval),
    )


def _answer(system: str, item: SystemAnswer, score: float) -> evaluation_pb2.EvaluationAnswer:
    return evaluation_pb2.EvaluationAnswer(
        system=system,
        answer=item.answer,
        score=score,
        probability=item.probability,
        label_probabilities=dict(item.label_probabilities),
        tokens=item.tokens,
    )
