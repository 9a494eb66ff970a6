"""`--try NAME=VALUES`: the parameters that a sweep tries."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import click

from foreword.domain.sweep import SweptRange
from foreword.errors import FieldViolation, InvalidArgumentError

_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9]\d{0,15})")
_RANGE: Final = re.compile(rf"(?P<low>{_NUMBER.pattern})\.\.(?P<high>{_NUMBER.pattern})(?::(?P<suffix>\w*))?")
_EXAMPLE: Final = "write NAME=VALUE,VALUE or NAME=MINIMUM..MAXIMUM, such as learning_rate=0.01,0.03"


def read_swept(texts: Iterable[str]) -> dict[str, list[Any] | SweptRange]:
    """Return values or the range of each parameter by name.

    Raises:
        BadParameter: A text has no name or no values, or two have the same name.
    """
    found: dict[str, list[Any] | SweptRange] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not (name and equals and values.strip()):
            raise _wrong(text, _EXAMPLE)
        if name in found:
            raise _wrong(text, f"{name} is set twice; write all of its values in one list")
        found[name] = _values(text, values.strip())
    return found


@contextmanager
def naming_tried(names: Sequence[str]) -> Iterator[None]:
    """Make an error of the block name the parameter whose values are wrong: `--try learning_rate`.

    Args:
        names: Names of the parameters, in the order in which they were sent.
    """
    try:
        yield
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            [FieldViolation(field=_field(item, names), description=item.description) for item in error.violations],
            reason=error.reason,
        ) from error


def _field(violation: FieldViolation, names: Sequence[str]) -> str:
    """Return the option of a field of a swept parameter, in the sweep or in one of its trials; other fields as is."""
    match = re.match(r"tune_sweep\.swept_parameters\[(\d+)\]", violation.field)
    if match is not None:
        return f"--try {names[int(match[1])]}"
    in_trial = "(in trial " in violation.description
    swept = next((name for name in names if in_trial and violation.field.endswith(f".{name}")), None)
    return violation.field if swept is None else f"--try {swept}"


def _values(text: str, values: str) -> list[Any] | SweptRange:
    match = _RANGE.fullmatch(values)
    if match is None:
        return [_value(part.strip()) for part in values.split(",")]
    if match["suffix"] not in (None, "log"):
        raise _wrong(text, f"{match['suffix']!r} is no scale; write :log for a logarithmic one, or nothing")
    return SweptRange(
        minimum=float(match["low"]), maximum=float(match["high"]), logarithmic=match["suffix"] is not None
    )


def _value(text: str) -> Any:
    """Return a number, true or false, or else the text itself."""
    if text in ("true", "false"):
        return text == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) and math.isfinite(float(text)) else text


def _wrong(text: str, remedy: str) -> click.BadParameter:
    return click.BadParameter(f"{text!r}: {remedy}", param_hint="--try")
