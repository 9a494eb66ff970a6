"""The other fields of a row, such as the number of a ticket, which its answer has as well."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any, Final

_PREFIX: Final = "input_"


def read_fields(document: str) -> Mapping[str, Any]:
    """Return the fields of a JSON object of the API; none if it is empty.

    A number that is too large for a float stays a text, because JSON has no infinity.
    """
    return json.loads(document, parse_float=finite_number) if document else {}


def finite_number(text: str) -> float | str:
    """Return the number that a text of JSON stands for; the text if it is too large for a float."""
    number = float(text)
    return number if math.isfinite(number) else text


def apart(fields: Mapping[str, Any], taken: Collection[str]) -> dict[str, Any]:
    """Return fields with names that differ from others: one whose name is taken gets `input_` in front of it.

    Args:
        taken: Names that the fields must not have.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        free = name
        while free in taken or (free != name and free in fields):
            free = _PREFIX + free
        found[free] = value
    return found
