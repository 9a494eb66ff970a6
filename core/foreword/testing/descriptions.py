"""Checks of descriptions: names, parameters, signatures, findings and report parts."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from foreword.domain.dataset import Row
from foreword.domain.parameters import ParameterSpec
from foreword.domain.report import (
    MAX_ROWS_PER_FINDING,
    Finding,
    Histogram,
    Matrix,
    MetricSpec,
    ReportPart,
    Severity,
    Table,
    Values,
)

_ID: Final = re.compile(r"[a-z][a-z0-9_]*")
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_TYPES: Final = ("int", "float", "bool", "string", "string_list")


def check_identity(item: Any, *texts: str) -> None:
    """Check that an item has an id in snake case and texts for users.

    Args:
        texts: Names of attributes that must contain text.
    """
    assert _ID.fullmatch(item.id), f"id {item.id!r} must be in snake case: it is part of requests and settings"
    for name in texts:
        assert str(getattr(item, name)).strip(), f"{name} is empty: lists and forms show it"


def check_parameters(specs: Sequence[ParameterSpec]) -> None:
    """Check that a client can draw a form from the parameters, and that their defaults are allowed values."""
    names = [spec.name for spec in specs]
    assert len(set(names)) == len(names), f"two parameters have the same name: {names}"
    for spec in specs:
        assert _ID.fullmatch(spec.name), f"parameter {spec.name!r} must be in snake case"
        assert spec.description.strip(), f"parameter {spec.name} has no description"
        assert spec.type in _TYPES, f"parameter {spec.name} has the type {spec.type!r}; use one of {_TYPES}"
        fault = _limits_fault(spec)
        assert fault is None, f"parameter {spec.name} {fault}"
        fault = spec.fault(spec.default) if spec.default is not None else None
        assert fault is None, f"the default of parameter {spec.name} {fault}"


def _limits_fault(spec: ParameterSpec) -> str | None:
    """Return the contradiction in the limits of a parameter, or None."""
    number = spec.type in ("int", "float")
    if not number and (spec.minimum is not None or spec.maximum is not None):
        return f"is a {spec.type} and has a minimum or maximum, which only numbers have"
    if spec.choices and spec.type not in ("string", "string_list"):
        return f"is a {spec.type} and has choices, which only texts have"
    if spec.exclusive_minimum and spec.minimum is None:
        return "has exclusive_minimum without a minimum"
    if spec.minimum is not None and spec.maximum is not None and spec.minimum > spec.maximum:
        return f"has the minimum {spec.minimum} above the maximum {spec.maximum}"
    return None


def check_signatures(item: Any, interface: type) -> None:
    """Check that methods accept the arguments that the service passes, by position and by name."""
    for name, method in vars(interface).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        expected = list(inspect.signature(method).parameters.values())[1:]
        found = list(inspect.signature(getattr(item, name)).parameters.values())
        shown = ", ".join(parameter.name for parameter in expected)
        own = ", ".join(parameter.name for parameter in found)
        assert _takes(found, expected), f"{name} takes ({own}), but the service passes ({shown})"


def _takes(found: Sequence[inspect.Parameter], expected: Sequence[inspect.Parameter]) -> bool:
    """Return whether a method with these parameters can be called like one with the expected parameters."""
    kinds = {parameter.kind for parameter in found}
    if {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds:
        return True
    for place, parameter in enumerate(expected):
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            named = [item for item in found if item.name == parameter.name]
            if not named and inspect.Parameter.VAR_KEYWORD not in kinds:
                return False
        elif place >= len(found) or found[place].name != parameter.name or found[place].kind is not parameter.kind:
            return False
    names = {parameter.name for parameter in expected}
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    rest = [item for item in found if item.name not in names and item.kind not in variable]
    return all(item.default is not inspect.Parameter.empty for item in rest)


def check_metrics(metrics: Sequence[MetricSpec], main_metric: str) -> None:
    """Check that a client can label the metrics and that the main metric is among them."""
    ids = [metric.id for metric in metrics]
    assert len(set(ids)) == len(ids), f"two metrics have the same id: {ids}"
    for metric in metrics:
        check_identity(metric, "display_name", "description")
    assert main_metric in ids, f"main_metric {main_metric!r} is not one of the metrics {ids}"


def check_findings(findings: Iterable[Finding], rows: Sequence[Row]) -> None:
    """Check that findings name the problem, the rows and, unless they only inform, the remedy."""
    numbers = {row.number for row in rows}
    for finding in findings:
        assert _CODE.fullmatch(finding.code), f"code {finding.code!r} must be in upper snake case"
        name = f"finding {finding.code}"
        assert finding.message.strip(), f"{name} has no message"
        assert finding.remedy.strip() or finding.severity is Severity.INFO, f"{name} has no remedy"
        unknown = set(finding.rows) - numbers
        assert not unknown, f"{name} names the rows {sorted(unknown)}, which the file does not have"
        assert len(finding.rows) <= MAX_ROWS_PER_FINDING, f"{name} lists more than {MAX_ROWS_PER_FINDING} rows"
        assert finding.row_count >= len(finding.rows), f"{name} lists more rows than its row_count"
        assert finding.column in ("", "input", "output"), f"{name} names the column {finding.column!r}"


def check_parts(parts: Iterable[ReportPart]) -> None:
    """Check that report parts can be drawn: they are rectangular and finite, and each has its own id."""
    seen: set[str] = set()
    for part in parts:
        assert part.id not in seen, f"two report parts have the same id {part.id!r}"
        seen.add(part.id)
        check_identity(part, "title")
        fault = _part_fault(part.content)
        assert fault is None, f"report part {part.id}: {fault}"


def _part_fault(content: object) -> str | None:
    match content:
        case Table():
            widths = {len(row) for row in content.rows} - {len(content.columns)}
            return "the table has a row whose length differs from the number of columns" if widths else None
        case Histogram():
            if len(content.edges) != len(content.counts) + 1:
                return "the histogram must have one edge more than counts"
            rising = all(low < high for low, high in zip(content.edges, content.edges[1:], strict=False))
            return None if rising else "the edges of the histogram do not rise"
        case Matrix():
            shape = {len(row) for row in content.values} - {len(content.column_labels)}
            right = len(content.values) == len(content.row_labels) and not shape
            return None if right else "the shape of the matrix does not match its labels"
        case Values():
            wrong = [name for name, value in content.values.items() if not math.isfinite(value)]
            return f"the values {wrong} are not finite" if wrong else None
    return f"the content is a {type(content).__name__}; use a Table, Histogram, Matrix or Values"


def check_json(value: Any, what: str) -> None:
    """Check that a value is unchanged after encoding to JSON and back."""
    try:
        back = json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{what} cannot be stored as JSON: {error}") from error
    assert back == value, f"{what} changes if it is stored as JSON; use lists, not tuples, and text keys"
