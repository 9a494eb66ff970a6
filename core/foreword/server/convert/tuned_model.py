"""Conversion of tuned models."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.answer_calibration import AnswerCalibration
from foreword.domain.tags import TagChange
from foreword.domain.tuned_model import TunedModel
from foreword.domain.violations import Violations
from foreword.names import BaseModelName, DatasetName, TunedModelName, TuneExperimentName
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.report import evaluations
from foreword.server.convert.tags import parse_tag_change
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import tuned_model_pb2, tuned_model_service_pb2


def tuned_model(item: TunedModel) -> tuned_model_pb2.TunedModel:
    """Convert a tuned model to a message."""
    return tuned_model_pb2.TunedModel(
        name=str(TunedModelName(item.tenant, item.id)),
        display_name=item.display_name,
        base_model=str(BaseModelName(item.base_model)),
        tune_experiment=str(TuneExperimentName(item.tenant, item.tune_experiment)),
        dataset=str(DatasetName(item.tenant, item.dataset)),
        task=item.task,
        tuning_type=item.tuning_type,
        verbalizer=item.verbalizer,
        labels=item.labels,
        multi_label=item.multi_label,
        num_virtual_tokens=item.num_virtual_tokens,
        byte_size=item.byte_size,
        content_sha256=item.content_sha256,
        provenance=dict(item.provenance),
        evaluations=evaluations(item.evaluations),
        creator=item.creator,
        create_time=timestamp(item.create_time),
        answer_calibration=(None if item.answer_calibration is None else answer_calibration(item.answer_calibration)),
        tags=dict(item.tags),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModelChange:
    """A parsed UpdateTunedModel request."""

    name: TunedModelName
    tags: TagChange


def parse_tuned_model_change(request: tuned_model_service_pb2.UpdateTunedModelRequest) -> TunedModelChange:
    """Parse an UpdateTunedModel request."""
    violations = Violations()
    message, paths = request.tuned_model, request.update_mask.paths
    name = violations.collect(lambda: TunedModelName.parse(message.name, "tuned_model.name"))
    changed = changed_fields(violations, message, paths, ("tags",), "a tuned model", has_keyed_tags=True)
    tags = parse_tag_change(violations, "tuned_model.tags", message.tags, changed)
    violations.check()
    assert name is not None
    return TunedModelChange(name=name, tags=tags)


def answer_calibration(item: AnswerCalibration) -> tuned_model_pb2.AnswerCalibration:
    """Convert the calibration of a tuned model to a message."""
    return tuned_model_pb2.AnswerCalibration(
        temperature=item.temperature,
        source=f"CALIBRATION_SOURCE_{item.source.name}",
        row_count=item.row_count,
        fitted_row_count=item.fitted_row_count,
        expected_calibration_error_before=item.expected_calibration_error_before,
        expected_calibration_error_after=item.expected_calibration_error_after,
        expected_calibration_error_by_chance=item.expected_calibration_error_by_chance,
        p_value=item.p_value,
        thresholds=[
            tuned_model_pb2.PrecisionThreshold(
                precision=part.precision,
                probability=part.probability,
                row_count=part.row_count,
                right_count=part.right_count,
                label=part.label,
                estimated_precision=part.estimated_precision,
                precision_lower_bound=part.precision_lower_bound,
            )
            for part in item.thresholds
        ],
    )
