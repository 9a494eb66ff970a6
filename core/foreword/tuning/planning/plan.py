"""The plan of a run, made before it starts: every value with its source, sizes, time, and warnings.

This module does not import torch, so that the server can plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.dataset import Row
from foreword.domain.experiment import ExperimentConfig, TaskOptions, TunePlan
from foreword.domain.held_out import held_out_places
from foreword.domain.parameters import ResolvedParameters, resolve_parameters
from foreword.domain.report import Finding
from foreword.domain.templates import check_verbalizer
from foreword.domain.tuned_model import TunedModel
from foreword.domain.violations import Violations, fields_below
from foreword.errors import FailedPreconditionError
from foreword.plugin.interfaces import MethodPlan, Schema, Task, TuningMethod
from foreword.plugin.task_options import check_task_options
from foreword.tuning.measuring import BASE_SYSTEMS, EXAMINED_SHARE, HELD_OUT_SHARE, MOST_EXAMINED
from foreword.tuning.planning.lengths import Lengths, measure_lengths
from foreword.tuning.planning.limits import (
    check_parameters,
    check_start,
    check_validation_dataset,
    fit_to_context,
    fit_to_rows,
    fit_to_start,
    fit_to_time,
    fit_to_validation_dataset,
)
from foreword.tuning.planning.plan_checks import check_context, check_labels, check_template, plain_count
from foreword.tuning.planning.plan_warnings import plan_warnings, start_warnings
from foreword.tuning.planning.validation_warnings import validation_warnings
from foreword.tuning.schedule import updates_per_epoch

MINIMUM_ROWS: Final = 10
"""Minimum number of rows to tune and to measure."""


def make_plan(
    *,
    config: ExperimentConfig,
    spec: BaseModelSpec,
    task: Task,
    method: TuningMethod,
    rows: Sequence[Row],
    count_tokens: Callable[[str], int],
    seconds_per_token: float,
    check: Callable[[], None] = lambda: None,
    validation_rows: Sequence[Row] = (),
    start: TunedModel | None = None,
) -> TunePlan:
    """Plan a run.

    A plan tokenizes at most `MOST_MEASURED_BYTES` of text of each dataset; the lengths of more rows than that are
    sampled.

    Args:
        rows: All rows of the dataset. They are read several times, so they may stay on disk.
        validation_rows: All rows of the validation dataset, likewise; at least one if `config` names one.
        start: The tuned model that the run starts from; None for another start.
        count_tokens: Counts the tokens of a text as the base model receives it, special tokens included.
        seconds_per_token: Time to train on one token; 0 if unknown.
        check: Called between rows; raises an error to stop.

    Raises:
        InvalidArgumentError: Parameters, options or the template are wrong; the error names every faulty field below
            `tune_experiment`.
        FailedPreconditionError: The base model cannot be tuned, or the dataset has too few rows.
    """
    if not spec.tunable:
        raise FailedPreconditionError(
            f"baseModels/{spec.id} cannot be tuned. Choose a base model whose `tunable` is true.",
            reason="BASE_MODEL_NOT_TUNABLE",
            metadata={"resource": f"baseModels/{spec.id}"},
        )
    recipe = spec.recipe(method.id)
    parameters, sources = resolve_parameters(config.parameters, recipe, method.unused_parameters)
    violations = Violations()
    check_parameters(violations, parameters, config.parameters, method)
    if config.validation_dataset is not None:
        check_validation_dataset(violations, config.parameters)
        parameters, sources = fit_to_validation_dataset(parameters, sources)
    if start is not None:
        check_start(violations, config.parameters, start, method, spec)
        parameters, sources = fit_to_start(parameters, sources, start)
    method_plan = None
    if not violations:
        parameters = fit_to_context(parameters, sources, spec)
        method_plan = violations.collect(lambda: method.plan(spec, parameters))
    if method_plan is not None:
        check_context(violations, parameters, method_plan, spec)
    violations.collect(lambda: check_verbalizer(config.verbalizer, "verbalizer"))
    if not violations:
        check_template(violations, config.verbalizer, parameters, count_tokens)
    check()
    schema = violations.collect(lambda: _fit(task, rows, config.task_options))
    if schema is not None:
        check_labels(violations, task, schema, count_tokens, check)
    with fields_below("tune_experiment"):
        violations.check(reason="PARAMETERS_INVALID")
    assert method_plan is not None
    assert schema is not None
    if len(rows) < MINIMUM_ROWS:
        raise FailedPreconditionError(
            f"The dataset has {len(rows)} rows, and tuning needs at least {MINIMUM_ROWS}. "
            "Add rows; a few hundred are better.",
            reason="TOO_FEW_ROWS",
            metadata={"row_count": str(len(rows)), "minimum": str(MINIMUM_ROWS)},
        )
    parameters, sources = fit_to_rows(parameters, sources, len(rows))

    def measured(some_rows: Sequence[Row]) -> _Measured:
        targets = _targets(task, some_rows, schema, check)
        lengths = measure_lengths(
            some_rows, targets, verbalizer=config.verbalizer, count_tokens=count_tokens, check=check
        )
        check()
        return _Measured(targets=targets, lengths=lengths, tokens=_tokens_per_row(lengths, parameters, method_plan))

    data = measured(rows)
    validation = measured(validation_rows) if validation_rows else None
    found: tuple[Finding, ...] = ()
    if validation is not None:
        found = validation_warnings(
            rows,
            validation_rows,
            targets=data.targets,
            validation_targets=validation.targets,
            space=task.label_space(schema),
            check=check,
        )
    portions = _portions(rows, data, validation, parameters, config.split_seed)
    seconds = seconds_per_token * data.tokens
    fit_seconds = seconds * (portions.training + portions.held_out_load) * parameters.num_epochs
    parameters, sources = fit_to_time(parameters, sources, fit_seconds if portions.held_out else 0.0)
    return _plan(
        config=config,
        spec=spec,
        task=task,
        lengths=data.lengths,
        validation_lengths=validation.lengths if validation else None,
        more_findings=(*found, *(start_warnings(start, config, portions.held_out) if start is not None else ())),
        portions=portions,
        seconds_per_row=seconds,
        parameters=parameters,
        sources=sources,
        method_plan=method_plan,
        schema=schema,
        count_tokens=count_tokens,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The canonical answers and the lengths of the rows of a dataset.

    Attributes:
        tokens: Mean number of tokens of a row in the model.
    """

    targets: Sequence[str]
    lengths: Lengths
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Portions:
    """The rows to train on and the held-out rows.

    Attributes:
        held_out_load: Time to measure the held-out rows once, in times to train on a row.
        examined_load: Time to examine whether rows look mislabelled, likewise.
    """

    training: int
    held_out: int
    held_out_load: float
    examined_load: float


def _portions(
    rows: Sequence[Row],
    data: _Measured,
    validation: _Measured | None,
    parameters: ResolvedParameters,
    split_seed: int | None,
) -> _Portions:
    """Divide the rows: a share of them is held out, or those of the validation dataset are."""
    longer, held_out, training = 1.0, 0, len(rows)
    if validation is not None:
        longer, held_out = validation.tokens / data.tokens, validation.lengths.row_count
    else:
        share, seed = parameters.validation_split, parameters.seed if split_seed is None else split_seed
        held_out = len(held_out_places(rows, targets=data.targets, share=share, seed=seed))
        training -= held_out
    num_rows = training + held_out
    examined = (training + held_out * longer) * min(1.0, MOST_EXAMINED / num_rows)
    return _Portions(
        training=training,
        held_out=held_out,
        held_out_load=held_out * longer * HELD_OUT_SHARE,
        examined_load=examined * EXAMINED_SHARE,
    )


def _targets(task: Task, rows: Iterable[Row], schema: Schema, check: Callable[[], None]) -> list[str]:
    """Return the canonical answer of each row; equal answers share their memory."""
    targets: list[str] = []
    distinct: dict[str, str] = {}
    for row in rows:
        check()
        target = task.target(row.output, schema)
        targets.append(distinct.setdefault(target, target))
    return targets


def _plan(
    *,
    config: ExperimentConfig,
    spec: BaseModelSpec,
    task: Task,
    lengths: Lengths,
    validation_lengths: Lengths | None,
    more_findings: Sequence[Finding],
    portions: _Portions,
    seconds_per_row: float,
    parameters: ResolvedParameters,
    sources: dict[str, str],
    method_plan: MethodPlan,
    schema: Schema,
    count_tokens: Callable[[str], int],
) -> TunePlan:
    """Add sizes, time and warnings to values that have been checked."""
    row_count = lengths.row_count
    training, held_out = portions.training, portions.held_out
    refits = parameters.refit and held_out > 0
    fit_updates = parameters.num_epochs * updates_per_epoch(
        training, parameters.batch_size, parameters.accumulate_steps
    )
    refit_updates = parameters.num_epochs * updates_per_epoch(
        row_count, parameters.batch_size, parameters.accumulate_steps
    )
    rows_per_epoch = training + portions.held_out_load + (row_count if refits else 0)
    measured = portions.examined_load + portions.held_out_load * (1 + (BASE_SYSTEMS if config.evaluate_base else 0))
    warnings = plan_warnings(
        parameters=parameters,
        recipe=spec.recipe(config.tuning_type),
        updates=fit_updates,
        held_out=held_out,
        lengths=lengths,
        validation_lengths=validation_lengths,
        init_text_tokens=plain_count(parameters.init_text or "", count_tokens),
    )
    space = task.label_space(schema)
    return TunePlan(
        parameters=parameters,
        sources=sources,
        training_row_count=training,
        validation_row_count=held_out,
        planned_updates=fit_updates + (refit_updates if refits else 0),
        trainable_parameter_count=method_plan.trainable_parameter_count,
        estimated_seconds=seconds_per_row * (rows_per_epoch * parameters.num_epochs + measured),
        warnings=tuple(sorted((*warnings, *more_findings), key=lambda finding: -finding.severity)),
        schema=schema,
        labels=space.labels if space else (),
        multi_label=space.multi_label if space else False,
        split_seed=config.split_seed,
        base_revision=spec.revision,
    )


def _tokens_per_row(lengths: Lengths, parameters: ResolvedParameters, method_plan: MethodPlan) -> float:
    """Return the mean number of tokens of a row in the model: virtual tokens, its input and its answer."""
    inputs = fmean(min(count, parameters.max_input_tokens) for count in lengths.inputs)
    outputs = fmean(min(count, parameters.max_output_tokens) for count in lengths.outputs)
    return method_plan.context_tokens + inputs + outputs


def _fit(task: Task, rows: Sequence[Row], options: TaskOptions) -> Schema:
    """Return the task's schema of the rows.

    Raises:
        InvalidArgumentError: The task does not have or allow an option, or the options contradict the rows.
    """
    check_task_options(task, options)
    return task.fit(rows, options)
