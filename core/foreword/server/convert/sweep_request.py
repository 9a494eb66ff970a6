"""Parsing of requests to create sweeps: the search space, and the run of every trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf import struct_pb2

from foreword.domain.near_names import did_you_mean
from foreword.domain.parameters import TUNE_PARAMETER_SPECS, ParameterSpec, TuneParameters
from foreword.domain.sweep import (
    MAX_SEEDS,
    MAX_SWEPT,
    MAX_TRIALS,
    Search,
    SearchSpace,
    SweptParameter,
    SweptRange,
    seeds_of,
    shown_value,
)
from foreword.domain.violations import Violations
from foreword.names import TenantName, check_id
from foreword.server.convert.experiment import NewExperiment, parse_experiment
from foreword.server.convert.parameters import check_init_text, parse_start
from foreword.server.convert.structs import MAX_STRUCT_BYTES, parse_value
from foreword.server.convert.text_limits import MAX_DESCRIPTION
from foreword.v1 import tune_sweep_pb2, tune_sweep_service_pb2

MAX_SWEEP_NAME: Final = 180
"""Maximum length of a display name in characters: trials are named after their sweep."""

_METHOD_PARAMETERS: Final = "method_parameters."
_TUNING_TYPE: Final = ParameterSpec(name="tuning_type", type="string", description="Tuning method.")
_SINGLE_TRIAL: Final = "make a single trial; try more values, raise `num_seeds`, or tune once without a sweep"
_SAME_FOR_ALL: Final = ("seed", "validation_split", "init_tuned_model")
_SPECS: Final[Mapping[str, ParameterSpec]] = {
    **{spec.name: spec for spec in TUNE_PARAMETER_SPECS if spec.name not in _SAME_FOR_ALL},
    _TUNING_TYPE.name: _TUNING_TYPE,
}
_SEARCHES: Final = {
    tune_sweep_pb2.TuneSweep.SEARCH_UNSPECIFIED: Search.GRID,
    tune_sweep_pb2.TuneSweep.SEARCH_GRID: Search.GRID,
    tune_sweep_pb2.TuneSweep.SEARCH_RANDOM: Search.RANDOM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrial:
    """A trial of a request: the values of the swept parameters as they are shown, and the run with them."""

    values: Mapping[str, Any]
    run: NewExperiment


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSweep:
    """A parsed CreateTuneSweep request, before any names are looked up.

    Attributes:
        tenant: Id of the tenant; None if the request names no parent.
        id: Id of the sweep; None to generate one.
        common: What all trials have in common.
        trials: At least 2 and at most `MAX_TRIALS`.
    """

    tenant: str | None
    id: str | None
    display_name: str
    description: str
    common: NewExperiment
    space: SearchSpace
    trials: tuple[NewTrial, ...]
    validate_only: bool


def parse_new_sweep(request: tune_sweep_service_pb2.CreateTuneSweepRequest) -> NewSweep:
    """Parse a CreateTuneSweep request."""
    violations = Violations()
    message = request.tune_sweep
    parent = violations.collect(lambda: TenantName.parse(request.parent, "parent")) if request.parent else None
    if request.tune_sweep_id:
        violations.collect(lambda: check_id(request.tune_sweep_id, "tune_sweep_id"))
    display_name = violations.name("tune_sweep.display_name", message.display_name, MAX_SWEEP_NAME, required=True)
    description = violations.text("tune_sweep.description", message.description, MAX_DESCRIPTION)
    common = parse_experiment(violations, "tune_sweep.tune_experiment", message.tune_experiment, is_named=False)
    space = _parse_space(violations, message)
    if common is not None:
        _check_common(violations, message, common, space)
    violations.check()
    assert common is not None
    trials = _trials(common, space)
    _check_trials(violations, trials)
    violations.check()
    return NewSweep(
        tenant=None if parent is None else parent.tenant,
        id=request.tune_sweep_id or None,
        display_name=display_name,
        description=description,
        common=common,
        space=space,
        trials=trials,
        validate_only=request.validate_only,
    )


def _parse_space(violations: Violations, message: tune_sweep_pb2.TuneSweep) -> SearchSpace:
    """Parse the search space, and check the number of its trials."""
    search = _SEARCHES.get(message.search)
    if search is None:
        violations.add("tune_sweep.search", f"must be SEARCH_GRID or SEARCH_RANDOM, not {message.search}")
        search = Search.GRID
    num_seeds = violations.number("tune_sweep.num_seeds", message.num_seeds, minimum=0, maximum=MAX_SEEDS) or 1
    most = MAX_TRIALS // min(max(num_seeds, 1), MAX_SEEDS)
    asked = violations.number("tune_sweep.max_combinations", message.max_combinations, minimum=0, maximum=most)
    seed = violations.number("tune_sweep.seed", message.seed, minimum=0, maximum=2**31 - 1)
    if search is Search.RANDOM and not asked:
        violations.add("tune_sweep.max_combinations", f"must be set for SEARCH_RANDOM, to at most {most}")
    if len(message.swept_parameters) > MAX_SWEPT:
        count = len(message.swept_parameters)
        violations.add("tune_sweep.swept_parameters", f"must hold at most {MAX_SWEPT} parameters, not {count:,}")
    size = sum(item.ByteSize() for item in message.swept_parameters)
    if size > MAX_STRUCT_BYTES:
        violations.add(
            "tune_sweep.swept_parameters",
            f"must have at most {MAX_STRUCT_BYTES:,} bytes in all, not {size:,}; try fewer or shorter values",
        )
    parameters: list[SweptParameter] = []
    for place, item in enumerate(message.swept_parameters[:MAX_SWEPT]):
        parameter = _parse_swept(violations, f"tune_sweep.swept_parameters[{place}]", item, search)
        if parameter is not None and any(parameter.name == other.name for other in parameters):
            violations.add(f"tune_sweep.swept_parameters[{place}].name", f"{parameter.name} is named twice")
        elif parameter is not None:
            parameters.append(parameter)
    space = SearchSpace(
        parameters=tuple(parameters),
        search=search,
        max_combinations=asked or most,
        num_seeds=num_seeds,
        seed=seed,
        halving=message.halving if message.HasField("halving") else True,
    )
    if not violations:
        _check_grid(violations, space)
    return space


def _check_grid(violations: Violations, space: SearchSpace) -> None:
    """Check the number of trials of a grid before they are made."""
    if space.search is Search.GRID and space.size > space.max_combinations:
        violations.add(
            "tune_sweep.swept_parameters",
            f"have {space.size:,} combinations, and at most {space.max_combinations} are allowed; use fewer values, or "
            "a random search of at most that many (`max_combinations`)",
        )


def _parse_swept(
    violations: Violations, field: str, message: tune_sweep_pb2.SweptParameter, search: Search
) -> SweptParameter | None:
    """Parse a swept parameter; None if it is unknown."""
    name = message.name
    of_method = name.startswith(_METHOD_PARAMETERS) and len(name) > len(_METHOD_PARAMETERS)
    spec = _SPECS.get(name)
    if spec is None and not of_method:
        if name in _SAME_FOR_ALL:
            remedy = "use `num_seeds`" if name == "seed" else f"set `{name}` once"
            violations.add(f"{field}.name", f"{name} is the same for all trials; {remedy}")
        else:
            known, near = ", ".join([*_SPECS, f"{_METHOD_PARAMETERS}NAME"]), did_you_mean(name, _SPECS)
            violations.add(f"{field}.name", f"{name[:80]!r} is unknown; use one of: {known}{near}")
        return None
    if bool(message.values) == message.HasField("range"):
        violations.add(field, "must have either values or a range")
        return None
    if message.HasField("range"):
        return _parse_range(violations, f"{field}.range", message, spec, search)
    if len(message.values) > MAX_TRIALS:
        violations.add(f"{field}.values", f"must hold at most {MAX_TRIALS} values, not {len(message.values):,}")
        return None
    values = [
        _parse_swept_value(violations, f"{field}.values[{i}]", item, spec) for i, item in enumerate(message.values)
    ]
    for place, value in enumerate(values):
        if any(type(value) is type(other) and value == other for other in values[:place]):
            violations.add(f"{field}.values[{place}]", f"{str(value)[:80]} is listed twice")
    return SweptParameter(name=name, values=tuple(values))


def _parse_swept_value(
    violations: Violations, field: str, message: struct_pb2.Value, spec: ParameterSpec | None
) -> Any:
    """Parse a value of a swept parameter; the tuning method checks its own parameters later."""
    value = parse_value(violations, field, message)
    if spec is not None:
        fault = spec.fault(value)
        if fault is not None:
            violations.add(field, fault)
        elif spec.type == "float":
            value = float(value)
    return value


def _parse_range(
    violations: Violations,
    field: str,
    message: tune_sweep_pb2.SweptParameter,
    spec: ParameterSpec | None,
    search: Search,
) -> SweptParameter | None:
    """Parse a range of numbers."""
    low, high, logarithmic = message.range.minimum, message.range.maximum, message.range.logarithmic
    if search is not Search.RANDOM:
        violations.add(field, "needs a random search (`max_combinations`); list values for a grid")
    if spec is not None and spec.type not in ("int", "float"):
        violations.add(field, f"{spec.name} is no number; list its values")
        return None
    whole = spec is not None and spec.type == "int"
    for name, bound in (("minimum", low), ("maximum", high)):
        if not math.isfinite(bound):
            violations.add(f"{field}.{name}", f"must be finite, not {bound}")
            return None
        if whole and not bound.is_integer():
            violations.add(f"{field}.{name}", f"must be a whole number, not {bound:g}")
            return None
        fault = None if spec is None else spec.fault(int(bound) if whole else bound)
        if fault is not None:
            violations.add(f"{field}.{name}", fault)
    if not low < high:
        violations.add(f"{field}.maximum", f"must be above the minimum, {low:g}, not {high:g}")
        return None
    if not math.isfinite(high - low):
        violations.add(field, "is too wide; choose closer ends")
        return None
    if logarithmic and low <= 0:
        violations.add(f"{field}.minimum", f"must be above 0 in a logarithmic range, not {low:g}")
        return None
    if whole:
        return SweptParameter(
            name=message.name,
            range=SweptRange(minimum=int(low), maximum=int(high), logarithmic=logarithmic, whole=True),
        )
    return SweptParameter(name=message.name, range=SweptRange(minimum=low, maximum=high, logarithmic=logarithmic))


def _check_common(
    violations: Violations, message: tune_sweep_pb2.TuneSweep, common: NewExperiment, space: SearchSpace
) -> None:
    """Check that what all trials have in common leaves the swept parameters open, and holds rows out."""
    field, parameters = "tune_sweep.tune_experiment", common.parameters
    for parameter in space.parameters:
        if parameter.name == _TUNING_TYPE.name:
            is_set, path = bool(message.tune_experiment.tuning_type), f"{field}.tuning_type"
        elif parameter.name.startswith(_METHOD_PARAMETERS):
            is_set = parameter.name.removeprefix(_METHOD_PARAMETERS) in parameters.method_parameters
            path = f"{field}.parameters.{parameter.name[:100]}"
        else:
            is_set, path = getattr(parameters, parameter.name) is not None, f"{field}.parameters.{parameter.name}"
        if is_set:
            violations.add(path, "is set, and swept as well; leave it unset or do not sweep it")
    if parameters.validation_split == 0 and common.validation_dataset is None:
        violations.add(
            f"{field}.parameters.validation_split",
            "is 0, but trials are compared on held-out rows; leave it unset, or set validation_dataset",
        )
    first = parameters.seed or 0
    if first + space.num_seeds - 1 >= 2**31:
        violations.add("tune_sweep.num_seeds", f"counts seeds up from {first} beyond 2^31 - 1; set a smaller seed")


def _trials(common: NewExperiment, space: SearchSpace) -> tuple[NewTrial, ...]:
    """Return the trials: every combination with every seed. All of them hold out the same rows."""
    first = common.parameters.seed or 0
    return tuple(
        NewTrial(
            values={name: shown_value(value) for name, value in values.items()}, run=_run(common, values, seed, first)
        )
        for values in space.combinations()
        for seed in seeds_of(first, space.num_seeds)
    )


def _check_trials(violations: Violations, trials: Sequence[NewTrial]) -> None:
    """Check the number of trials, and how each of them starts."""
    if len(trials) < 2:
        violations.add("tune_sweep.swept_parameters", _SINGLE_TRIAL)
    for trial in trials:
        check_init_text(violations, "tune_sweep.tune_experiment.parameters", trial.run.parameters)
        parse_start(violations, "tune_sweep.tune_experiment.parameters", trial.run.parameters)
        if violations:  # other trials would repeat it
            return


def _run(common: NewExperiment, values: Mapping[str, Any], seed: int, split_seed: int) -> NewExperiment:
    """Return the run of a trial."""
    parameters: TuneParameters = common.parameters
    of_method = {
        name.removeprefix(_METHOD_PARAMETERS): value
        for name, value in values.items()
        if name.startswith(_METHOD_PARAMETERS)
    }
    own = {name: value for name, value in values.items() if name in _SPECS and name != _TUNING_TYPE.name}
    return replace(
        common,
        tuning_type=values.get(_TUNING_TYPE.name, common.tuning_type),
        parameters=replace(
            parameters, seed=seed, method_parameters={**parameters.method_parameters, **of_method}, **own
        ),
        split_seed=split_seed,
    )
