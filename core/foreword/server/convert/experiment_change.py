"""Parsing of requests to change experiments."""

from __future__ import annotations

from dataclasses import dataclass

from foreword.domain.tags import TagChange
from foreword.domain.violations import Violations
from foreword.names import TuneExperimentName
from foreword.server.convert.changed_fields import changed_fields
from foreword.server.convert.tags import parse_tag_change
from foreword.server.convert.text_limits import MAX_DESCRIPTION
from foreword.v1 import tune_experiment_service_pb2

_MUTABLE_FIELDS = ("description", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentChange:
    """A parsed UpdateTuneExperiment request. A description that is None stays."""

    name: TuneExperimentName
    description: str | None
    tags: TagChange


def parse_experiment_change(request: tune_experiment_service_pb2.UpdateTuneExperimentRequest) -> ExperimentChange:
    """Parse an UpdateTuneExperiment request."""
    violations = Violations()
    message, paths = request.tune_experiment, request.update_mask.paths
    name = violations.collect(lambda: TuneExperimentName.parse(message.name, "tune_experiment.name"))
    changed = changed_fields(violations, message, paths, _MUTABLE_FIELDS, "an experiment", has_keyed_tags=True)
    description = None
    if "description" in changed:
        description = violations.text("tune_experiment.description", message.description, MAX_DESCRIPTION)
    tags = parse_tag_change(violations, "tune_experiment.tags", message.tags, changed)
    violations.check()
    assert name is not None
    return ExperimentChange(name=name, description=description, tags=tags)
