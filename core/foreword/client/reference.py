"""How callers name resources."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from foreword.client.message import text_problem
from foreword.errors import InvalidArgumentError


class Named(Protocol):
    """A resource."""

    @property
    def name(self) -> str:
        """Its resource name."""


Reference = str | Named
"""A resource, its name, the last part of its name (its id), or its display name if no other resource has the same."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_NUMBER = re.compile(r" \(\d+\)$")
"""The number that the service appends to the display name of a run."""
_MOST_LISTED = 10


def reference_name(resource: Reference, collection: str) -> str:
    """The name that a caller gave, in full or only its last part.

    Raises:
        InvalidArgumentError: It is empty, or no name at all.
    """
    name = resource if isinstance(resource, str) else getattr(resource, "name", None)
    kind = noun(collection)
    field = kind.replace(" ", "_")
    if not isinstance(name, str):
        raise InvalidArgumentError.of(field, f"must be a {kind} or its name, not a {type(resource).__name__}")
    if not name.strip():
        raise InvalidArgumentError.of(field, f"is empty; name a {kind}")
    if problem := text_problem(name):
        raise InvalidArgumentError.of(field, problem)
    return name


def is_full_name(text: str) -> bool:
    """Whether a text has the shape of a resource name, so that it is no id and no display name."""
    return text.startswith(("tenants/", "baseModels/"))


def may_be_id(text: str) -> bool:
    """Whether a text has the shape of the last part of a resource name."""
    return _ID.fullmatch(text) is not None


def noun(collection: str) -> str:
    """What one resource of a collection is called, such as `tuned model` for `tunedModels`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", collection.rsplit("/", 1)[-1]).lower().removesuffix("s")


def name_by_display_name(text: str, resources: Iterable[Any], collection: str) -> str | None:
    """The resource name of the one resource that is called `text`; None when none is.

    A deployment is also found by its serving name, and by its id in another space than `default`; a run and its tuned
    model also without the number that the service appended, so `complaints` finds `complaints (1)`.

    Args:
        resources: All resources of the collection.

    Raises:
        InvalidArgumentError: Several have that name; the message lists their ids and times.
    """
    listed = list(resources)
    keys: tuple[Callable[[Any], Any], ...] = (
        lambda item: getattr(item, "serving_name", None),
        lambda item: item.name.rsplit("/", 1)[-1],
        lambda item: item.display_name,
        lambda item: _NUMBER.sub("", item.display_name),
    )
    for key in keys:
        found = [item for item in listed if key(item) == text]
        if len(found) > 1:
            raise _ambiguous(text, found, collection)
        if found:
            return str(found[0].name)
    return None


def _ambiguous(text: str, found: list[Any], collection: str) -> InvalidArgumentError:
    kind = noun(collection)
    shown = [_described(item) for item in found[:_MOST_LISTED]]
    if len(found) > _MOST_LISTED:
        shown.append(f"and {len(found) - _MOST_LISTED} more")
    return InvalidArgumentError.of(
        kind.replace(" ", "_"),
        f"{len(found)} {kind}s are called {text!r}. Use the id of one of them: {', '.join(shown)}",
        reason="NAME_AMBIGUOUS",
    )


def _described(item: Any) -> str:
    """The id of a resource, or the whole name where an id alone is not enough, with its version and its time."""
    name = item.name if "/spaces/" in item.name else item.name.rsplit("/", 1)[-1]
    facts = [f"version {item.version}"] if hasattr(item, "version") else []
    facts += [f"created {item.create_time:%Y-%m-%d %H:%M:%S} UTC"] if item.create_time else []
    return f"{name} ({', '.join(facts)})" if facts else name


def new_request_id() -> str:
    """An id that makes one mutation idempotent, however often it is sent."""
    return uuid.uuid4().hex
