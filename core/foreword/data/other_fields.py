"""The other fields of unlabelled rows, such as the number of a ticket, kept as JSON for the answers to the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_OTHER_BYTES: Final = 65_536
"""Maximum size of the other fields of a row as JSON, in bytes."""

_MAX_DEPTH: Final = 16
"""Maximum depth of the lists and objects in a field."""

_MAX_DIGITS: Final = 100
"""Maximum length of a number; a longer one is kept as text, because many JSON readers refuse it."""

_encode = json.JSONEncoder(ensure_ascii=False).encode


class Number(str):
    """A JSON number as written in the file: 1.50 stays 1.50."""

    __slots__ = ()


def other_fields(values: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return fields as a JSON object, and the names of those that are left out.

    A field that is nested too deeply, or does not fit into what is left of the maximum size, is left out.

    Args:
        values: The value of each field: a text, a `Number`, or what `json.loads` returns otherwise.

    Returns:
        The object; empty if no field is kept.
    """
    kept: list[str] = []
    left_out: list[str] = []
    size = len("{}")
    for name, value in values.items():
        try:
            member = f"{_text(name)}: {''.join(_parts(value, _MAX_DEPTH))}"
        except RecursionError:
            left_out.append(name)
            continue
        added = len(member.encode()) + len(", ")
        if size + added > MAX_OTHER_BYTES:
            left_out.append(name)
            continue
        size += added
        kept.append(member)
    return f"{{{', '.join(kept)}}}" if kept else "", tuple(left_out)


def _parts(value: Any, depth: int) -> Iterator[str]:
    """Yield the parts of a value as JSON.

    Raises:
        RecursionError: It is nested too deeply.
    """
    if not depth:
        raise RecursionError
    match value:
        case Number() if len(value) <= _MAX_DIGITS:
            yield str(value)
        case str():
            yield _text(value)
        case Mapping():
            yield "{"
            for place, (name, item) in enumerate(value.items()):
                yield f"{', ' * (place > 0)}{_text(name)}: "
                yield from _parts(item, depth - 1)
            yield "}"
        case list():
            yield "["
            for place, item in enumerate(value):
                yield ", " * (place > 0)
                yield from _parts(item, depth - 1)
            yield "]"
        case _:
            yield _encode(value)


def _text(text: str) -> str:
    """Return a text as JSON. Halves of surrogate pairs, which UTF-8 does not have, become question marks."""
    return _encode(str(text).encode("utf-8", "replace").decode())
