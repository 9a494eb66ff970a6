"""The plan of a run, made before it starts: every value with its source, sizes, time, and warnings.

This module does not import torch, so that the server can plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.dataset import Row
from foreword.domain.experiment import (
    MAX_LABEL_CHARACTERS,
    MAX_LABEL_TOKENS,
    MAX_LABELS,
    ExperimentConfig,
    TaskOptions,
    TunePlan,
)
from foreword.domain.parameters import ResolvedParameters, resolve_parameters
from foreword.domain.templates import apply_verbalizer, check_verbalizer
from foreword.domain.violations import Violations, fields_below
from foreword.errors import FailedPreconditionError
from foreword.plugin.interfaces import MethodPlan, Schema, Task, TuningMethod
from foreword.plugin.task_options import check_task_options
from foreword.tuning.lengths import Lengths, measure_lengths
from foreword.tuning.limits import check_parameters, fit_to_context, fit_to_rows, fit_to_time
from foreword.tuning.plan_warnings import plan_warnings
from foreword.tuning.schedule import updates_per_epoch
from foreword.tuning.split import held_out_places

MINIMUM_ROWS: Final = 10
"""Minimum number of rows to tune and to measure."""

_MOST_TOKENS_PER_CHARACTER: Final = 4
"""Tokens of a character that a tokenizer does not know: one for each byte."""
_HELD_OUT_SHARE: Final = 2.3
"""Time to measure a held-out row, relative to the time to train on a row: there is no backward pass, but answers are
scored. Measured with `tests/benchmarks/estimate.py` on the complaints sample and its 18 label sets."""

_BASE_SYSTEMS: Final = 4
"""Evaluations of the base model on the held-out rows: without and with examples, each free and restricted to labels."""


def make_plan(
    *,
    config: ExperimentConfig,
    spec: BaseModelSpec,
    task: Task,
    method: TuningMethod,
    rows: Sequence[Row],
    count_tokens: Callable[[str], int],
    seconds_per_row: float,
    seconds_per_token: float = 0.0,
    check: Callable[[], None] = lambda: None,
) -> TunePlan:
    """Plan a run.

    A plan tokenizes at most `MOST_MEASURED_BYTES` of text; the lengths of more rows than that are sampled.

    Args:
        rows: All rows of the dataset. They are read several times, so they may stay on disk.
        count_tokens: Counts the tokens of a text as the base model receives it, special tokens included.
        seconds_per_row: Time to train on one row in earlier runs; 0 if there were none.
        seconds_per_token: Estimated time to train on one token, used if there were no earlier runs; 0 if unknown.
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
    method_plan = None
    if not violations:
        parameters = fit_to_context(parameters, sources, spec)
        method_plan = violations.collect(lambda: method.plan(spec, parameters))
    if method_plan is not None:
        _check_context(violations, parameters, method_plan, spec)
    violations.collect(lambda: check_verbalizer(config.verbalizer, "verbalizer"))
    if not violations:
        _check_template(violations, config.verbalizer, parameters, count_tokens)
    check()
    schema = violations.collect(lambda: _fit(task, rows, config.task_options))
    if schema is not None:
        _check_labels(violations, task, schema, count_tokens, check)
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
    targets: list[str] = []
    distinct: dict[str, str] = {}
    for row in rows:
        check()
        target = task.target(row.output, schema)
        targets.append(distinct.setdefault(target, target))
    lengths = measure_lengths(rows, targets, verbalizer=config.verbalizer, count_tokens=count_tokens, check=check)
    check()
    held_out = len(held_out_places(rows, targets=targets, share=parameters.validation_split, seed=parameters.seed))
    seconds = seconds_per_row or seconds_per_token * _tokens_per_row(lengths, parameters, method_plan)
    fit_seconds = seconds * (len(rows) - held_out + held_out * _HELD_OUT_SHARE) * parameters.num_epochs
    parameters, sources = fit_to_time(parameters, sources, fit_seconds if held_out else 0.0)
    return _plan(
        config=config,
        spec=spec,
        task=task,
        lengths=lengths,
        held_out=held_out,
        seconds_per_row=seconds,
        parameters=parameters,
        sources=sources,
        method_plan=method_plan,
        schema=schema,
        count_tokens=count_tokens,
    )


def _plan(
    *,
    config: ExperimentConfig,
    spec: BaseModelSpec,
    task: Task,
    lengths: Lengths,
    held_out: int,
    seconds_per_row: float,
    parameters: ResolvedParameters,
    sources: dict[str, str],
    method_plan: MethodPlan,
    schema: Schema,
    count_tokens: Callable[[str], int],
) -> TunePlan:
    """Add sizes, time and warnings to values that have been checked."""
    row_count = lengths.row_count
    training = row_count - held_out
    refits = parameters.refit and held_out > 0
    fit_updates = parameters.num_epochs * updates_per_epoch(
        training, parameters.batch_size, parameters.accumulate_steps
    )
    refit_updates = parameters.num_epochs * updates_per_epoch(
        row_count, parameters.batch_size, parameters.accumulate_steps
    )
    rows_per_epoch = training + held_out * _HELD_OUT_SHARE + (row_count if refits else 0)
    evaluated = held_out * (1 + (_BASE_SYSTEMS if config.evaluate_base else 0)) * _HELD_OUT_SHARE
    space = task.label_space(schema)
    return TunePlan(
        parameters=parameters,
        sources=sources,
        training_row_count=training,
        validation_row_count=held_out,
        planned_updates=fit_updates + (refit_updates if refits else 0),
        trainable_parameter_count=method_plan.trainable_parameter_count,
        estimated_seconds=seconds_per_row * (rows_per_epoch * parameters.num_epochs + evaluated),
        warnings=plan_warnings(
            parameters=parameters,
            recipe=spec.recipe(config.tuning_type),
            updates=fit_updates,
            held_out=held_out,
            lengths=lengths,
            init_text_tokens=_plain_count(parameters.init_text or "", count_tokens),
        ),
        schema=schema,
        labels=space.labels if space else (),
        multi_label=space.multi_label if space else False,
    )


def _tokens_per_row(lengths: Lengths, parameters: ResolvedParameters, method_plan: MethodPlan) -> float:
    """Return the mean number of tokens of a row in the model: virtual tokens, its input and its answer."""
    inputs = fmean(min(count, parameters.max_input_tokens) for count in lengths.inputs)
    outputs = fmean(min(count, parameters.max_output_tokens) for count in lengths.outputs)
    return method_plan.context_tokens + inputs + outputs


def _check_context(
    violations: Violations, parameters: ResolvedParameters, method_plan: MethodPlan, spec: BaseModelSpec
) -> None:
    """Check that the configured lengths fit into the context of the base model.

    The context of a causal model holds prompt, input and answer together. An encoder-decoder model has one context for
    prompt and input and another one for the answer.
    """
    longest_input, longest_output = parameters.max_input_tokens, parameters.max_output_tokens
    virtual = method_plan.context_tokens
    room = spec.context_room(virtual)
    beside = f"besides {virtual} virtual tokens " if virtual else ""
    if spec.is_causal:
        if longest_input > room.longest_input(answer_tokens=longest_output):
            violations.add(
                "parameters.max_input_tokens",
                f"is {longest_input} and max_output_tokens is {longest_output}, but {spec.id} writes its answer after "
                f"the input, and {beside}its context of {spec.context_tokens} tokens has room for "
                f"{room.free_tokens} tokens of both together; lower one of them",
            )
        return
    if longest_input > room.free_tokens:
        violations.add(
            "parameters.max_input_tokens",
            f"is {longest_input}, but {beside}the context of {spec.context_tokens} tokens has room for "
            f"{room.free_tokens}; lower {'it or num_virtual_tokens' if virtual else 'it'}",
        )
    if longest_output > spec.context_tokens:
        violations.add(
            "parameters.max_output_tokens",
            f"must be in [1, {spec.context_tokens}], the context of {spec.id}, not {longest_output}",
        )


def _check_template(
    violations: Violations, verbalizer: str, parameters: ResolvedParameters, count_tokens: Callable[[str], int]
) -> None:
    """Check that the template leaves room for the input: inputs are truncated, templates are not."""
    around = count_tokens(apply_verbalizer(verbalizer, ""))
    if around >= parameters.max_input_tokens:
        violations.add(
            "parameters.max_input_tokens",
            f"is {parameters.max_input_tokens}, but the template around every input takes {around} tokens; "
            "raise it or shorten the verbalizer",
        )


def _fit(task: Task, rows: Sequence[Row], options: TaskOptions) -> Schema:
    """Return the task's schema of the rows.

    Raises:
        InvalidArgumentError: The task does not have or allow an option, or the options contradict the rows.
    """
    check_task_options(task, options)
    return task.fit(rows, options)


def _check_labels(
    violations: Violations,
    task: Task,
    schema: Schema,
    count_tokens: Callable[[str], int],
    check: Callable[[], object],
) -> None:
    """Check the labels that a closed task read from the rows.

    They are part of every response about the experiment, and each request to the tuned model scores all of them.
    """
    space = task.label_space(schema)
    if space is None:
        return
    too_long = next((label for label in space.labels if len(label) > MAX_LABEL_CHARACTERS), None)
    if len(space.labels) > MAX_LABELS:
        problem = f"reads {len(space.labels):,} labels from the rows, but can have at most {MAX_LABELS:,}"
    elif too_long is not None:
        problem = (
            f"reads a label of {len(too_long):,} characters from the rows ({too_long[:40]!r}...), but a label can have "
            f"at most {MAX_LABEL_CHARACTERS}"
        )
    elif (tokens := _label_tokens(space.labels, count_tokens, check)) > MAX_LABEL_TOKENS:
        problem = (
            f"reads labels of {tokens:,} tokens together from the rows, but they can have at most {MAX_LABEL_TOKENS:,}"
        )
    else:
        return
    violations.add("task", f"is {task.id}, which {problem}; use an open task such as generation, or correct the rows")


def _label_tokens(labels: Sequence[str], count_tokens: Callable[[str], int], check: Callable[[], object]) -> int:
    """Return the number of tokens of all labels, or 0 if their characters show that they are few."""
    if sum(len(label) + 1 for label in labels) * _MOST_TOKENS_PER_CHARACTER <= MAX_LABEL_TOKENS:
        return 0
    tokens = 0
    for label in labels:
        check()
        tokens += _plain_count(label, count_tokens) + 1
    return tokens


def _plain_count(text: str, count_tokens: Callable[[str], int]) -> int:
    """Return the number of tokens of a text without the special ones around it."""
    return count_tokens(text) - count_tokens("") if text else 0
