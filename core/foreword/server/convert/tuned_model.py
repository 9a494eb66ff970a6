"""Conversion of tuned models to messages."""

from __future__ import annotations

from foreword.domain.tuned_model import TunedModel
from foreword.names import BaseModelName, DatasetName, TunedModelName, TuneExperimentName
from foreword.server.convert.report import evaluations
from foreword.server.convert.timestamps import timestamp
from foreword.v1 import tuned_model_pb2


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
    )
