"""Ranges of tuning parameters, and the adaptation of unset values to context, rows, validation dataset and time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from foreword.domain.base_model import BaseModelSpec
from foreword.domain.parameters import (
    FROM_TUNED_MODEL,
    TUNE_PARAMETER_SPECS,
    ParameterSpec,
    ResolvedParameters,
    TuneParameters,
    check_values,
)
from foreword.domain.tuned_model import MAX_SEEN_DATASETS, TunedModel
from foreword.domain.violations import Violations
from foreword.plugin.interfaces import TuningMethod
from foreword.tuning.schedule import updates_per_epoch

FEWEST_READINGS: Final = 1200
"""Minimum number of row readings in a run, one per row and epoch. On 20 rows of intents the embedded model had an
accuracy of 0.64 after 20 epochs and of 0.68 after 60; on 100 rows, 20 epochs are enough."""

MOST_READINGS: Final = 20_000
"""Maximum number of row readings in a run, unless they make too few updates. A recipe for a few hundred rows would read
10,000 rows 200,000 times. On 200 complaints, 6,400 readings were no better than 3,200."""

ENOUGH_UPDATES: Final = 1_000
"""Updates that a run on many rows makes even if they need more readings, as with large or accumulated batches."""

LONG_RUN_SECONDS: Final = 3600.0
"""Expected tuning time from which early stopping is on by default."""
_PATIENCE_SHARE: Final = 4


def check_parameters(
    violations: Violations, parameters: ResolvedParameters, requested: TuneParameters, method: TuningMethod
) -> None:
    """Collect every value that is out of its range, and every parameter that the method does not have or does not use.

    Args:
        violations: Receives the faulty fields, below `parameters`.
    """
    for name in sorted(method.unused_parameters):
        value = getattr(requested, name)
        if value is not None and (name, value) != ("init_method", FROM_TUNED_MODEL):
            violations.add(f"parameters.{name}", f"is not used by {method.id}; leave it unset")
    for spec in TUNE_PARAMETER_SPECS:
        _check(violations, spec, getattr(parameters, spec.name), f"parameters.{spec.name}")
    check_values(
        violations,
        method.parameters,
        parameters.method_parameters,
        field="parameters.method_parameters",
        owner=f"the tuning method {method.id}",
    )


def check_validation_dataset(violations: Violations, requested: TuneParameters) -> None:
    """Collect the set parameters that contradict a validation dataset."""
    if requested.validation_split:
        violations.add(
            "validation_dataset",
            f"is set, and parameters.validation_split is {requested.validation_split:g}; set only one of them",
        )
        violations.add(
            "parameters.validation_split",
            f"is {requested.validation_split:g}, but the rows of validation_dataset are the held-out rows; leave one "
            "of them unset",
        )
    if requested.refit:
        violations.add(
            "parameters.refit",
            "is true, but with a validation_dataset all rows of the dataset are trained on already; leave it unset",
        )


def fit_to_validation_dataset(
    parameters: ResolvedParameters, sources: Mapping[str, str]
) -> tuple[ResolvedParameters, dict[str, str]]:
    """Hold out no rows of the dataset, and do not refit: all of its rows are trained on already.

    Returns:
        The parameters and their sources: `validation_dataset` for the two values unless they are set.
    """
    adapted = {name: "validation_dataset" for name in ("validation_split", "refit") if sources[name] != "set"}
    return replace(parameters, validation_split=0.0, refit=False), {**sources, **adapted}


def check_start(
    violations: Violations, requested: TuneParameters, start: TunedModel, method: TuningMethod, spec: BaseModelSpec
) -> None:
    """Collect what keeps a run from starting from a tuned model."""
    field, name = "parameters.init_tuned_model", requested.init_tuned_model
    if not method.starts_from_tuned_models:
        violations.add(field, f"is set, but {method.id} cannot start from a tuned model; leave it unset")
    if start.base_model != spec.id:
        violations.add(
            field,
            f"{name} is a model of baseModels/{start.base_model}, not of baseModels/{spec.id}; choose that base_model, "
            "or a tuned model of this one",
        )
    elif start.provenance.get("base_model", spec.revision) != spec.revision:
        violations.add(
            field, f"{name} was tuned on other weights of baseModels/{spec.id} than are installed now; leave it unset"
        )
    if start.tuning_type != method.id:
        violations.add(
            field,
            f"{name} is a model of the tuning method {start.tuning_type}, not of {method.id}; choose that tuning_type, "
            "or a tuned model of this one",
        )
    seen = len(start.seen_datasets)
    if seen > MAX_SEEN_DATASETS:
        violations.add(
            field,
            f"{name} and the models that it started from have seen {seen} datasets, and at most "
            f"{MAX_SEEN_DATASETS} are remembered; start from an earlier model, or from another start",
        )
    length = requested.num_virtual_tokens
    used = "num_virtual_tokens" not in method.unused_parameters
    if used and length not in (None, start.num_virtual_tokens):
        violations.add(
            "parameters.num_virtual_tokens",
            f"is {length}, but the prompt of {name} has {start.num_virtual_tokens} vectors; leave it unset",
        )


def fit_to_start(
    parameters: ResolvedParameters, sources: Mapping[str, str], start: TunedModel
) -> tuple[ResolvedParameters, dict[str, str]]:
    """Give a prompt the length of the one that it starts from.

    Returns:
        The parameters and their sources: `tuned_model` for an unset length.
    """
    if parameters.num_virtual_tokens is None:
        return parameters, dict(sources)
    adapted = {} if sources["num_virtual_tokens"] == "set" else {"num_virtual_tokens": "tuned_model"}
    return replace(parameters, num_virtual_tokens=start.num_virtual_tokens), {**sources, **adapted}


def fit_to_context(
    parameters: ResolvedParameters, sources: Mapping[str, str], spec: BaseModelSpec
) -> ResolvedParameters:
    """Shrink unset lengths to the context of the base model; set values are kept.

    A causal model writes its answer into the same context as the input. If the two do not fit together, the answer gets
    at most a quarter of the free tokens, and the input gets the rest.
    """
    room = spec.context_room(parameters.num_virtual_tokens or 0)
    longest_input, longest_output = parameters.max_input_tokens, parameters.max_output_tokens
    input_set, output_set = (sources[name] == "set" for name in ("max_input_tokens", "max_output_tokens"))
    output_room = room.longest_answer(input_tokens=min(longest_input, room.free_tokens))
    if not input_set:
        output_room = max(output_room, room.free_tokens // 4)
    input_room = room.longest_input(answer_tokens=longest_output if output_set else min(longest_output, output_room))
    smaller: dict[str, Any] = {}
    if not input_set and input_room >= 1:
        smaller["max_input_tokens"] = min(longest_input, input_room)
    if not output_set and output_room >= 1:
        smaller["max_output_tokens"] = min(longest_output, output_room)
    return replace(parameters, **smaller)


def fit_to_rows(
    parameters: ResolvedParameters, sources: Mapping[str, str], row_count: int
) -> tuple[ResolvedParameters, dict[str, str]]:
    """Adapt unset epochs to the number of rows: a recipe is made for a few hundred rows.

    Few rows are read more often, up to `FEWEST_READINGS` in all. Many rows are read less often, down to
    `MOST_READINGS` in all, as long as they make `ENOUGH_UPDATES` updates.

    Returns:
        The parameters and their sources: `few_rows` or `many_rows` for epochs that were adapted.
    """
    if sources["num_epochs"] == "set":
        return parameters, dict(sources)
    training = max(1, round(row_count * (1 - parameters.validation_split)))
    updates = updates_per_epoch(training, parameters.batch_size, parameters.accumulate_steps)
    least = math.ceil(FEWEST_READINGS / training)
    most = max(math.ceil(MOST_READINGS / training), math.ceil(ENOUGH_UPDATES / updates))
    if parameters.num_epochs < least:
        return replace(parameters, num_epochs=least), {**sources, "num_epochs": "few_rows"}
    if parameters.num_epochs > most:
        return replace(parameters, num_epochs=most), {**sources, "num_epochs": "many_rows"}
    return parameters, dict(sources)


def fit_to_time(
    parameters: ResolvedParameters, sources: Mapping[str, str], fit_seconds: float
) -> tuple[ResolvedParameters, dict[str, str]]:
    """Turn on early stopping for long runs if the patience is unset.

    Args:
        fit_seconds: Estimated time of tuning without a refit; 0 when it is unknown.

    Returns:
        The parameters and their sources: `long_run` for a patience that was turned on.
    """
    patience = max(2, parameters.num_epochs // _PATIENCE_SHARE)
    decided = sources["early_stopping_patience"] == "set" or parameters.early_stopping_patience > 0
    if decided or fit_seconds < LONG_RUN_SECONDS or patience >= parameters.num_epochs:
        return parameters, dict(sources)
    return (
        replace(parameters, early_stopping_patience=patience),
        {**sources, "early_stopping_patience": "long_run"},
    )


def _check(violations: Violations, spec: ParameterSpec, value: Any, field: str) -> None:
    """Check one value; None takes the default."""
    fault = None if value is None else spec.fault(value)
    if fault is not None:
        violations.add(field, fault)
