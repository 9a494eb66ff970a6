"""`--try NAME=VALUES`: the parameters that a sweep tries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

import click

from foreword.domain.sweep import SweptRange

_RANGE: Final = re.compile(r"(?P<low>[^,]+?)\.\.(?P<high>[^,]+?)(?P<log>:log)?")
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


def _values(text: str, values: str) -> list[Any] | SweptRange:
    match = _RANGE.fullmatch(values)
    if match is None:
        return [_value(part.strip()) for part in values.split(",")]
    try:
        low, high = float(match["low"]), float(match["high"])
    except ValueError:
        raise _wrong(text, "the ends of a range are numbers, such as learning_rate=0.003..0.3") from None
    return SweptRange(minimum=low, maximum=high, logarithmic=match["log"] is not None)


def _value(text: str) -> Any:
    """Return a number, true or false, or else the text itself."""
    if text in ("true", "false") or re.fullmatch(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?", text):
        try:
            return json.loads(text)
        except ValueError:
            return float(text) if text.count(".") <= 1 and text != "." else text
    return text


def _wrong(text: str, remedy: str) -> click.BadParameter:
    return click.BadParameter(f"{text!r}: {remedy}", param_hint="--try")
