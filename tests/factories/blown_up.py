"""Requests in which texts, lists and maps are as large as the service allows, found from the descriptors.

A new RPC or field is found without being listed. The largest size is taken from the service itself: it refuses a huge
value with an error that names the limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

HUGE_TEXT: Final = 3 * 2**20
"""Characters of a text beyond every limit of a field. Four of them fit into the largest request."""
HUGE_LIST: Final = 60_000
"""Items of a list or a map beyond every limit of a field."""

_DEPTH: Final = 5
_STATED_LIMIT = re.compile(r"at most ([\d,]+)")


@dataclass(frozen=True, slots=True)
class Growable:
    """A text, list or map in a request.

    Attributes:
        path: Names of the fields that lead to it. A list of messages on the way is entered at its first item.
        field: The descriptor of the last one.
        item: Whether it is the length of each text in a list or map, and not the number of them.
    """

    path: tuple[str, ...]
    field: FieldDescriptor
    item: bool = False

    @property
    def is_list(self) -> bool:
        """True for lists and maps, whose size is a number of items; the size of a text is a number of characters."""
        return bool(self.field.is_repeated) and not self.item

    @property
    def huge(self) -> int:
        """A size beyond every limit."""
        return HUGE_LIST if self.is_list else HUGE_TEXT

    def unit_bytes(self, request: Any) -> int:
        """Return the bytes that a request grows by, roughly, for each unit of this size."""
        if not self.field.is_repeated:
            return 1
        items = getattr(_holder(request, self.path[:-1]), self.path[-1])
        if self.item:
            return max(1, len(items))
        is_message = self.field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE and not _is_map(self.field)
        return 16 + (items[0].ByteSize() if is_message and len(items) else 0)

    def __str__(self) -> str:
        return ".".join(self.path) + ("[]" if self.item else "")


def growable_fields(message: Descriptor, *, depth: int = _DEPTH) -> Iterator[Growable]:
    """Yield all texts, lists and maps of a message, in the order of the definition."""
    for field in message.fields:
        own = Growable((field.name,), field)
        is_message = field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
        if field.is_repeated or field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            yield own
        if _has_texts(field):
            yield Growable(own.path, field, item=True)
        if not is_message or depth <= 0 or _is_map(field):
            continue
        for inner in growable_fields(field.message_type, depth=depth - 1):
            yield Growable((field.name, *inner.path), inner.field, inner.item)


def grown(request: Any, growable: Growable, size: int) -> Any:
    """Return a copy of a request with one text, list or map of this size."""
    copy = type(request)()
    copy.CopyFrom(request)
    grow(copy, growable, size)
    return copy


def grow(request: Any, growable: Growable, size: int) -> None:
    """Set the size of one text, list or map of a request."""
    *way, last = growable.path
    holder = _holder(request, way)
    if growable.item:
        _grow_items(getattr(holder, last), growable.field, size)
    elif not growable.is_list:
        setattr(holder, last, _text(growable.field, size))
    elif _is_map(growable.field):
        _grow_map(getattr(holder, last), growable.field, size)
    else:
        _grow_list(getattr(holder, last), growable.field, size)


def with_text(request: Any, growable: Growable, text: str) -> Any:
    """Return a copy of a request with this text in a field, in three items of a list, or in a key of a map."""
    copy = type(request)()
    copy.CopyFrom(request)
    *way, last = growable.path
    holder = _holder(copy, way)
    if not growable.field.is_repeated:
        setattr(holder, last, text.encode() if growable.field.type == FieldDescriptor.TYPE_BYTES else text)
    elif _is_map(growable.field):
        _put_into_map(getattr(holder, last), growable, text)
    elif growable.item:
        getattr(holder, last).extend(f"{text}{number}" for number in range(3))
    return copy


def _put_into_map(entries: Any, growable: Growable, text: str) -> None:
    """Put a text into a value of a map to texts, or into a key."""
    value = growable.field.message_type.fields_by_name["value"]
    if growable.item:
        entries["key"] = text
    elif value.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        entries[text].SetInParent()
        if value.message_type.full_name == "google.protobuf.Value":
            entries[text].string_value = text
    else:
        entries[text] = value.default_value


def _holder(request: Any, way: Sequence[str]) -> Any:
    """Return the message that some fields lead to, with an item in each list on the way."""
    for name in way:
        request = getattr(request, name)
        if not hasattr(request, "DESCRIPTOR"):  # a list of messages
            request = request[0] if len(request) else request.add()
    return request


def stated_limit(violations: Mapping[str, str], growable: Growable) -> int | None:
    """Return the limit that an error states for a field, None if it states none."""
    descriptions = [
        description for field, description in violations.items() if _without_places(field).endswith(growable.path[-1])
    ]
    found = [_STATED_LIMIT.search(description) for description in descriptions]
    limits = [int(match[1].replace(",", "")) for match in found if match]
    return min(limits, default=None)


def _without_places(field: str) -> str:
    """Return a field's path without places in lists and keys of maps."""
    return re.sub(r"\[[^\]]*\]", "", field)


def _text(field: FieldDescriptor, size: int, number: int = 0) -> Any:
    """Return a text of words, which differ by number."""
    start = f"word{number} "
    text = (start * (size // len(start) + 1))[:size].rstrip().ljust(size, "x")
    return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text


def _grow_list(items: Any, field: FieldDescriptor, size: int) -> None:
    if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
        first = items[0] if len(items) else items.add()
        template = type(first)()
        template.CopyFrom(first)
        del items[:]
        items.extend([template] * size)
        return
    del items[:]
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        items.extend(_text(field, 9, number) for number in range(size))
    else:
        items.extend([1] * size)


def _grow_map(entries: Any, field: FieldDescriptor, size: int) -> None:
    value = field.message_type.fields_by_name["value"]
    entries.clear()
    for number in range(size):
        key = f"key{number}"
        if value.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            entries[key].SetInParent()
            if value.message_type.full_name == "google.protobuf.Value":
                entries[key].string_value = "word"
        elif value.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            entries[key] = "word"
        else:
            entries[key] = 1


def _grow_items(items: Any, field: FieldDescriptor, size: int) -> None:
    """Set the length of each text of a list or map that has been filled, or of a single one."""
    if _is_map(field):
        for key in list(items) or ["key0"]:
            items[key] = _text(field, size)
        return
    count = max(1, len(items))
    del items[:]
    items.extend(_text(field, size, number) for number in range(count))


def _has_texts(field: FieldDescriptor) -> bool:
    """Return whether this is a list of texts, or a map to texts."""
    holder = field.message_type.fields_by_name["value"] if _is_map(field) else field
    return bool(field.is_repeated) and holder.cpp_type == FieldDescriptor.CPPTYPE_STRING


def _is_map(field: FieldDescriptor) -> bool:
    return field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE and bool(field.message_type.GetOptions().map_entry)
