"""Conversion of tuning experiments, plans, progress and learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from foreword.domain.experiment import (
    DEFAULT_TUNING_TYPE,
    ExperimentConfig,
    Progress,
    Snapshot,
    TaskOptions,
    TuneExperiment,
    TunePlan,
)
from foreword.domain.parameters import TuneParameters
from foreword.domain.suspect_rows import SuspectRows
from foreword.domain.templates import MAX_TEMPLATE, check_verbalizer
from foreword.domain.violations import Violations
from foreword.names import (
    BaseModelName,
    DatasetName,
    TenantName,
    TunedModelName,
    TuneExperimentName,
    TuneSweepName,
    check_id,
)
from foreword.server.convert.job import job_fields
from foreword.server.convert.parameters import (
    check_init_text,
    parse_start,
    parse_task_options,
    parse_tune_parameters,
    task_options,
    tune_parameters,
)
from foreword.server.convert.report import evaluations, finding
from foreword.server.convert.tags import parse_keyed_tags
from foreword.server.convert.text_limits import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from foreword.server.convert.timestamps import timestamp
from foreword.turns.cancellation import check_cancelled
from foreword.v1 import tune_experiment_pb2, tune_experiment_service_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperiment:
    """A parsed CreateTuneExperiment request, before any names are looked up.

    Attributes:
        tenant: Id of the tenant; None if the request names no parent.
        id: Id of the experiment; None to generate one.
        base_model: Name or alias; empty for the default base model of the service.
        validation_dataset: Name of the dataset with the held-out rows; None to hold out rows of `dataset`.
        task: Id of the task; empty to choose one that suits the rows.
        verbalizer: Template of inputs; empty for that of the task.
        start: Name of the tuned model to start from; None for another start.
        instruction: Instruction for the base model; empty for the initial text of the prompt.
        split_seed: Seed of the choice of the held-out rows; None for that of the run.
    """

    tenant: str | None
    id: str | None
    display_name: str
    description: str
    base_model: str
    dataset: DatasetName
    validation_dataset: DatasetName | None
    task: str
    task_options: TaskOptions
    tuning_type: str
    verbalizer: str
    parameters: TuneParameters
    start: TunedModelName | None
    instruction: str
    evaluate_base: bool
    tags: Mapping[str, str]
    validate_only: bool
    split_seed: int | None = None

    @property
    def datasets(self) -> tuple[DatasetName, ...]:
        """The names of all datasets that the run reads."""
        return (self.dataset, self.validation_dataset) if self.validation_dataset else (self.dataset,)


def parse_new_experiment(request: tune_experiment_service_pb2.CreateTuneExperimentRequest) -> NewExperiment:
    """Parse a CreateTuneExperiment request."""
    violations = Violations()
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    if request.tune_experiment_id:
        violations.collect(lambda: check_id(request.tune_experiment_id, "tune_experiment_id"))
    parsed = parse_experiment(violations, "tune_experiment", request.tune_experiment)
    violations.check()
    assert parsed is not None
    return replace(
        parsed,
        tenant=None if parent is None else parent.tenant,
        id=request.tune_experiment_id or None,
        validate_only=request.validate_only,
    )


def parse_experiment(
    violations: Violations, prefix: str, message: tune_experiment_pb2.TuneExperiment, *, is_named: bool = True
) -> NewExperiment | None:
    """Parse the configuration of an experiment, and add its faults to `violations`.

    Args:
        prefix: Path of the message in the request.
        is_named: Whether it has a display name and a description.

    Returns:
        The configuration; None if its dataset is faulty.
    """
    display_name = violations.name(f"{prefix}.display_name", message.display_name, MAX_DISPLAY_NAME, required=is_named)
    description = violations.text(f"{prefix}.description", message.description, MAX_DESCRIPTION)
    base_model = violations.text(f"{prefix}.base_model", message.base_model, MAX_DISPLAY_NAME)
    dataset = violations.collect(lambda: DatasetName.parse(message.dataset, f"{prefix}.dataset"))
    validation_dataset = None
    if message.validation_dataset:
        validation_dataset = violations.collect(
            lambda: DatasetName.parse(message.validation_dataset, f"{prefix}.validation_dataset")
        )
    options = parse_task_options(violations, f"{prefix}.task_options", message.task_options)
    verbalizer = violations.text(f"{prefix}.verbalizer", message.verbalizer, MAX_TEMPLATE)
    if 0 < len(verbalizer) <= MAX_TEMPLATE:
        violations.collect(lambda: check_verbalizer(verbalizer, f"{prefix}.verbalizer"))
    parameters = parse_tune_parameters(violations, f"{prefix}.parameters", message.parameters)
    check_init_text(violations, f"{prefix}.parameters", parameters)
    start = parse_start(violations, f"{prefix}.parameters", parameters)
    instruction = violations.text(f"{prefix}.instruction", message.instruction, MAX_TEMPLATE)
    tags = parse_keyed_tags(violations, f"{prefix}.tags", message.tags)
    if dataset is None:
        return None
    return NewExperiment(
        tenant=None,
        id=None,
        display_name=display_name,
        description=description,
        base_model=base_model,
        dataset=dataset,
        validation_dataset=validation_dataset,
        task=message.task,
        task_options=options,
        tuning_type=message.tuning_type or DEFAULT_TUNING_TYPE,
        verbalizer=verbalizer,
        parameters=parameters,
        start=start,
        instruction=instruction,
        evaluate_base=message.evaluate_base if message.HasField("evaluate_base") else True,
        tags=tags,
        validate_only=False,
    )


def tune_experiment(item: TuneExperiment) -> tune_experiment_pb2.TuneExperiment:
    """Convert an experiment to a message."""
    message = configuration(item.tenant, item.display_name, item.description, item.config, item.tags)
    message.name = str(TuneExperimentName(item.tenant, item.id))
    message.tune_sweep = str(TuneSweepName(item.tenant, item.trial.sweep)) if item.trial is not None else ""
    message.retry_of = str(TuneExperimentName(item.tenant, item.retry_of)) if item.retry_of is not None else ""
    message.resumed_step = item.resumed_step
    message.MergeFrom(
        tune_experiment_pb2.TuneExperiment(
            **job_fields(item),
            plan=_plan(item.plan),
            progress=_progress(item.progress),
            snapshots=[_snapshot(snapshot) for snapshot in item.snapshots],
            evaluations=evaluations(item.evaluations),
            curve_advice=item.curve_advice,
            suspect_rows=_suspect_rows(item.tenant, item.suspect_rows) if item.suspect_rows is not None else None,
            tuned_model=str(TunedModelName(item.tenant, item.tuned_model)) if item.tuned_model else "",
            wait_seconds=item.wait_seconds,
        )
    )
    return message


def planned_experiment(
    tenant: str, requested: NewExperiment, config: ExperimentConfig, plan: TunePlan
) -> tune_experiment_pb2.TuneExperiment:
    """Convert the configuration and the plan of an experiment that was only validated to a message."""
    message = configuration(tenant, requested.display_name, requested.description, config, requested.tags)
    message.plan.CopyFrom(_plan(plan))
    return message


def configuration(
    tenant: str, display_name: str, description: str, config: ExperimentConfig, tags: Mapping[str, str]
) -> tune_experiment_pb2.TuneExperiment:
    """Convert the configuration of an experiment, with its tags, to a message."""
    return tune_experiment_pb2.TuneExperiment(
        display_name=display_name,
        description=description,
        base_model=str(BaseModelName(config.base_model)),
        dataset=str(DatasetName(tenant, config.dataset)),
        validation_dataset=str(DatasetName(tenant, config.validation_dataset)) if config.validation_dataset else "",
        task=config.task,
        task_options=task_options(config.task_options),
        tuning_type=config.tuning_type,
        verbalizer=config.verbalizer,
        parameters=tune_parameters(config.parameters),
        instruction=config.instruction,
        evaluate_base=config.evaluate_base,
        tags=dict(tags),
    )


def _plan(plan: TunePlan) -> tune_experiment_pb2.TunePlan:
    return tune_experiment_pb2.TunePlan(
        parameters=tune_parameters(plan.parameters),
        sources=dict(plan.sources),
        training_row_count=plan.training_row_count,
        validation_row_count=plan.validation_row_count,
        planned_updates=plan.planned_updates,
        trainable_parameter_count=plan.trainable_parameter_count,
        estimated_seconds=plan.estimated_seconds,
        estimated_capacity_unit_hours=plan.estimated_capacity_unit_hours,
        warnings=[finding(item) for item in plan.warnings],
        labels=plan.labels,
        multi_label=plan.multi_label,
    )


def _suspect_rows(tenant: str, suspects: SuspectRows) -> tune_experiment_pb2.SuspectRows:
    return tune_experiment_pb2.SuspectRows(
        rows=[
            tune_experiment_pb2.SuspectRow(
                dataset=str(DatasetName(tenant, row.dataset)),
                row=row.row,
                loss=row.loss,
                input=row.input,
                output=row.output,
                prediction=row.prediction,
            )
            for row in suspects.rows
        ],
        examined_row_count=suspects.examined_row_count,
        row_count=suspects.row_count,
    )


def _progress(progress: Progress) -> tune_experiment_pb2.TuneProgress:
    return tune_experiment_pb2.TuneProgress(
        percent=progress.percent,
        step=progress.step,
        total_steps=progress.total_steps,
        epoch=progress.epoch,
        total_epochs=progress.total_epochs,
        loss=progress.loss,
        remaining_seconds=progress.remaining_seconds,
        phase=progress.phase.value,
    )


def _snapshot(snapshot: Snapshot) -> tune_experiment_pb2.TuneSnapshot:
    check_cancelled()
    return tune_experiment_pb2.TuneSnapshot(
        sequence=snapshot.sequence,
        step=snapshot.step,
        epoch=snapshot.epoch,
        loss=snapshot.loss,
        validation_loss=snapshot.validation_loss,
        validation_metric=snapshot.validation_metric,
        learning_rate=snapshot.learning_rate,
        examples_per_second=snapshot.examples_per_second,
        phase=snapshot.phase.value,
        create_time=timestamp(snapshot.create_time),
    )
