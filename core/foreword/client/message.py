"""Construction of API messages from the values that callers pass; errors name the faulty fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from foreword.domain.messages import MAX_REQUEST_BYTES
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError

Built = TypeVar("Built", bound=Message)

_KINDS = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number below 2^31",
    FieldDescriptor.CPPTYPE_INT64: "a whole number below 2^63",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_BOOL: "True or False",
    FieldDescriptor.CPPTYPE_STRING: "text",
}


def build(kind: type[Built], within: str = "", **values: Any) -> Built:
    """Return a message with these fields; a field that is None stays unset.

    Args:
        within: Path of the message in its request, such as `parameters`; empty for the request itself.

    Raises:
        InvalidArgumentError: Values do not fit their fields. The error names all of them.
    """
    fields = kind.DESCRIPTOR.fields_by_name
    violations = Violations()
    for name, value in tuple(values.items()):
        if fields[name].is_repeated and isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
            value = values[name] = list(value)  # it is read more than once
        problem = _problem(kind, name, value)
        if problem:
            violations.add(f"{within}.{name}" if within else name, problem)
    violations.check()
    return kind(**values)


def check_size(request: Message) -> None:
    """Check that a request is not larger than the service accepts.

    Raises:
        InvalidArgumentError: The request is too large.
    """
    size = request.ByteSize()
    if size > MAX_REQUEST_BYTES:
        raise InvalidArgumentError.of(
            "request",
            f"has {size:,} bytes, but the service accepts at most {MAX_REQUEST_BYTES:,}; send shorter texts",
            reason="MESSAGE_TOO_LARGE",
        )


def collected(field: str, values: Iterable[Any]) -> list[Any]:
    """Return the items of an iterable. A text is refused, because its letters are not meant as items.

    Raises:
        InvalidArgumentError: The value is a text or not iterable.
    """
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InvalidArgumentError.of(field, _no_list(values))
    return list(values)


def enum_name(field: str, kind: type[Enum], value: Any, prefix: str) -> str:
    """Return the API's name of an enum value, which may be passed as a member or as its value.

    Args:
        prefix: Prefix of the API's names of this enum, such as `SCOPE`.

    Raises:
        InvalidArgumentError: The value is unknown. The error lists the known ones.
    """
    try:
        member = kind(value)
    except ValueError:
        allowed = ", ".join(str(item.value) for item in kind)
        raise InvalidArgumentError.of(field, f"must be one of {allowed}, not {_shown(value)}") from None
    return f"{prefix}_{member.name}"


def texts_by_name(field: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return a map of texts.

    Args:
        field: Path of the map in its request.

    Raises:
        InvalidArgumentError: It is no map, or holds what is not text. The error names all such items.
    """
    if not isinstance(values, Mapping):
        raise InvalidArgumentError.of(field, f"must map names to texts, not a {type(values).__name__}")
    violations = Violations()
    for name, value in values.items():
        problem = text_problem(value) if isinstance(value, str) else f"must be text, not a {type(value).__name__}"
        problem = problem or (text_problem(name) if isinstance(name, str) else "has a name that is not text")
        if problem:
            shown = ascii(name)[1:-1] if isinstance(name, str) else name
            violations.add(f"{field}.{shown}", problem)
    violations.check()
    return dict(values)


def text_problem(text: str) -> str:
    """Return why a text cannot be sent; empty if it can."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (
            f"is not valid text: character {error.start + 1} is a byte that is not UTF-8 or half of a surrogate pair. "
            f"Decode the text with the encoding in which it was written"
        )
    return ""


def _problem(kind: type[Message], name: str, value: Any) -> str:
    if value is None:
        return ""
    field = kind.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            return _no_list(value)
        broken = [text_problem(item) for item in value if isinstance(item, str)]
        if any(broken):
            return next(text for text in broken if text)
    elif isinstance(value, str) and (problem := text_problem(value)):
        return problem
    try:
        kind(**{name: value})
    except (TypeError, ValueError, AttributeError) as error:
        expected = _KINDS.get(field.cpp_type)
        if expected is None:
            return f"cannot be {_shown(value)}: {error}"
        return f"must be {'a list of ' if field.is_repeated else ''}{expected}, not {_shown(value)}"
    return ""


def _no_list(value: Any) -> str:
    return f"must be a list, not {_shown(value)}; write [{_shown(value)}] for a single item"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def set_field(message: Message, path: str, value: str) -> None:
    """Set a text field by its path, such as `tune_experiment.dataset` or `evaluation.systems[0].model`."""
    *within, last = path.split(".")
    for part in within:
        name, _, place = part.rstrip("]").partition("[")
        found = getattr(message, name)
        message = found[int(place)] if place else found
    setattr(message, last, value)
