"""Strict conversion of domain dataclasses to JSON and back: only data that `encode` writes can be decoded.

A dataclass becomes an object with its field names, an enum becomes its value, a tuple becomes a list, a time becomes
ISO 8601, and a time span becomes seconds. If a field may hold one of several dataclasses, the object stores the name
of the class as `type`. JSON has no NaN or infinity: they are written as the strings of protobuf's JSON format. A field
with a default may be missing, so that old rows stay readable.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast

from foreword.errors import InternalError, InvalidArgumentError
from foreword.turns.cancellation import check_cancelled

T = TypeVar("T")

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(annotation: type[T], value: T, field: str = "value") -> Any:
    """Convert a value of the type `annotation` to JSON.

    Args:
        annotation: A dataclass, or a tuple or mapping of types that this module supports.
        field: Name of the value in an error.

    Raises:
        InvalidArgumentError: A free-form part holds a value that JSON cannot represent.
    """
    return _codec(cast("Any", annotation)).encode(value, field)


def decode(annotation: type[T], data: Any) -> T:
    """Convert JSON written by `encode` back to a value.

    Raises:
        CancelledError: The caller has gone; see `check_cancelled`.
        InternalError: `encode` cannot have written the data for this annotation.
    """
    return cast("T", _codec(cast("Any", annotation)).decode(data, "$"))


class _Codec(ABC):
    """Converter of one kind of value; `path` is its position, for error messages."""

    @abstractmethod
    def encode(self, value: Any, path: str) -> Any: ...

    @abstractmethod
    def decode(self, data: Any, path: str) -> Any: ...


class _Plain(_Codec):
    """Codec of str, int, bool and None, which JSON represents as they are."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def encode(self, value: Any, path: str) -> Any:
        _expect(type(value) is self._kind, path, self._kind.__name__, value)
        return value

    def decode(self, data: Any, path: str) -> Any:
        return self.encode(data, path)


class _Float(_Codec):
    def encode(self, value: Any, path: str) -> Any:
        _expect(type(value) in (float, int), path, "float", value)
        number = float(value)
        if math.isfinite(number):
            return number
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"

    def decode(self, data: Any, path: str) -> Any:
        if isinstance(data, str) and data in _NOT_FINITE:
            return _NOT_FINITE[data]
        _expect(type(data) in (float, int), path, "float", data)
        return float(data)


class _Time(_Codec):
    def encode(self, value: Any, path: str) -> Any:
        _expect(isinstance(value, datetime) and value.tzinfo is not None, path, "aware datetime", value)
        return value.isoformat()

    def decode(self, data: Any, path: str) -> Any:
        _expect(isinstance(data, str), path, "time", data)
        try:
            return datetime.fromisoformat(data)
        except ValueError:
            raise _unreadable(path, "time", data) from None


class _Duration(_Codec):
    """Codec of a time span, in seconds."""

    def encode(self, value: Any, path: str) -> Any:
        _expect(isinstance(value, timedelta), path, "time span", value)
        return value.total_seconds()

    def decode(self, data: Any, path: str) -> Any:
        _expect(type(data) in (float, int), path, "time span", data)
        return timedelta(seconds=data)


class _Choice(_Codec):
    """Codec of an enum, by value."""

    def __init__(self, kind: type[Enum]) -> None:
        self._kind = kind

    def encode(self, value: Any, path: str) -> Any:
        _expect(isinstance(value, self._kind), path, self._kind.__name__, value)
        return value.value

    def decode(self, data: Any, path: str) -> Any:
        try:
            return self._kind(data)
        except ValueError:
            raise _unreadable(path, self._kind.__name__, data) from None


class _FreeForm(_Codec):
    """Codec of any JSON value, such as the schema of a task. Tuples are decoded as lists."""

    def encode(self, value: Any, path: str) -> Any:
        if value is None or isinstance(value, str | bool | int):
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise InvalidArgumentError.of(path, "must be a finite number")
            return value
        if isinstance(value, Mapping):
            return {_key(key, path): self.encode(item, f"{path}.{key}") for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.encode(item, f"{path}[{place}]") for place, item in enumerate(value)]
        raise InvalidArgumentError.of(path, f"must be a JSON value, not {type(value).__name__}")

    def decode(self, data: Any, path: str) -> Any:
        return data


class _Tuple(_Codec):
    def __init__(self, item: _Codec) -> None:
        self._item = item

    def encode(self, value: Any, path: str) -> Any:
        _expect(isinstance(value, tuple), path, "tuple", value)
        return [self._item.encode(item, f"{path}[{place}]") for place, item in enumerate(value)]

    def decode(self, data: Any, path: str) -> Any:
        _expect(isinstance(data, list), path, "list", data)
        return tuple(self._item.decode(item, f"{path}[{place}]") for place, item in enumerate(data))


class _Map(_Codec):
    def __init__(self, item: _Codec) -> None:
        self._item = item

    def encode(self, value: Any, path: str) -> Any:
        _expect(isinstance(value, Mapping), path, "mapping", value)
        return {_key(key, path): self._item.encode(item, f"{path}.{key}") for key, item in value.items()}

    def decode(self, data: Any, path: str) -> Any:
        _expect(isinstance(data, dict), path, "object", data)
        return {key: self._item.decode(item, f"{path}.{key}") for key, item in data.items()}


class _Optional(_Codec):
    def __init__(self, item: _Codec) -> None:
        self._item = item

    def encode(self, value: Any, path: str) -> Any:
        return None if value is None else self._item.encode(value, path)

    def decode(self, data: Any, path: str) -> Any:
        return None if data is None else self._item.decode(data, path)


class _Record(_Codec):
    """Codec of a dataclass, by field name."""

    def __init__(self, kind: type) -> None:
        hints = typing.get_type_hints(kind)
        self._kind = kind
        self._fields = {item.name: _codec(hints[item.name]) for item in dataclasses.fields(kind)}
        self._required = {
            item.name
            for item in dataclasses.fields(kind)
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        }

    def encode(self, value: Any, path: str) -> Any:
        _expect(type(value) is self._kind, path, self._kind.__name__, value)
        return {name: codec.encode(getattr(value, name), f"{path}.{name}") for name, codec in self._fields.items()}

    def decode(self, data: Any, path: str) -> Any:
        check_cancelled()
        _expect(isinstance(data, dict), path, self._kind.__name__, data)
        wrong = sorted((self._required - data.keys()) | (data.keys() - self._fields.keys()))
        if wrong:
            raise _unreadable(path, f"{self._kind.__name__} with other fields than {', '.join(wrong)}", sorted(data))
        return self._kind(**{name: self._fields[name].decode(item, f"{path}.{name}") for name, item in data.items()})


class _Tagged(_Codec):
    """Codec of one of several dataclasses, distinguished by `type`."""

    def __init__(self, kinds: tuple[type, ...]) -> None:
        self._records = {kind.__name__: _Record(kind) for kind in kinds}

    def encode(self, value: Any, path: str) -> Any:
        name = type(value).__name__
        _expect(name in self._records, path, " or ".join(self._records), value)
        return {"type": name, **self._records[name].encode(value, path)}

    def decode(self, data: Any, path: str) -> Any:
        _expect(isinstance(data, dict) and data.get("type") in self._records, path, " or ".join(self._records), data)
        fields = {name: item for name, item in data.items() if name != "type"}
        return self._records[data["type"]].decode(fields, path)


@cache
def _codec(annotation: Any) -> _Codec:
    """Return the codec of an annotation. Raise TypeError if this module does not support it."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any or annotation is object:
        return _FreeForm()
    if origin in (Union, types.UnionType):
        kinds = tuple(kind for kind in arguments if kind is not types.NoneType)
        codec = _codec(kinds[0]) if len(kinds) == 1 else _Tagged(kinds)
        return codec if len(kinds) == len(arguments) else _Optional(codec)
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return _Tuple(_codec(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping) and arguments[0] is str:
        return _Map(_codec(arguments[1]))
    if isinstance(annotation, type):
        if dataclasses.is_dataclass(annotation):
            return _Record(annotation)
        if issubclass(annotation, Enum):
            return _Choice(annotation)
        if annotation in (str, int, bool):
            return _Plain(annotation)
        if annotation is float:
            return _Float()
        if issubclass(annotation, datetime):
            return _Time()
        if issubclass(annotation, timedelta):
            return _Duration()
    raise TypeError(f"{annotation} has no JSON form")


def _key(key: Any, path: str) -> str:
    if not isinstance(key, str):
        raise InvalidArgumentError.of(path, f"must have strings as keys, not {type(key).__name__}")
    return key


def _expect(holds: bool, path: str, expected: str, found: Any) -> None:
    if not holds:
        raise _unreadable(path, expected, found)


def _unreadable(path: str, expected: str, found: Any) -> InternalError:
    # The message names only the type, because stored values may be texts of a tenant.
    return InternalError(f"Stored JSON does not fit at {path}: expected {expected}, found {type(found).__name__}.")
