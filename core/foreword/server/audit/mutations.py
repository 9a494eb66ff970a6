"""Which RPCs change something, and what their requests say about it."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from foreword.domain.tenant import Scope
from foreword.server.callers.scopes import SCOPES

_READS: Final = ("Get", "List", "WhoAmI")
_ABOUT_THE_REQUEST: Final = {"name", "parent", "request_id", "validate_only", "update_mask", "etag"}
"""Fields that are no part of a change."""
_PACKAGE: Final = "foreword.v1."
_MAX_FIELDS: Final = 50
_MAX_CHARACTERS: Final = 100

MUTATIONS: Final = frozenset(
    method
    for method, scope in SCOPES.items()
    if scope not in (Scope.READ, Scope.INFER) and not method.rpartition("/")[2].startswith(_READS)
)
"""Full names of the methods that change something. `SubmitFeedback` is none: feedback has its author and its time."""


def resource_of(request: Any) -> str:
    """Return the name of the resource that a request is about: its own, that of the resource in it, or the parent."""
    resources = (value for field, value in request.ListFields() if _is_resource(field))
    for part in (request, *resources):
        name: str = getattr(part, "name", "")
        if name:
            return name
    parent: str = getattr(request, "parent", "")
    if not parent and hasattr(request, "header"):
        parent = getattr(request.header, "parent", "")
    return parent


def changed_fields(request: Any) -> tuple[str, ...]:
    """Return the names of the fields that a request sets, without their values."""
    mask = getattr(request, "update_mask", None)
    paths = tuple(mask.paths) if mask is not None else ()
    names: list[str] = []
    for field, value in request.ListFields():
        if field.name in _ABOUT_THE_REQUEST:
            continue
        if not _is_resource(field):
            names.append(field.name)
        elif not paths:
            names += [inner.name for inner, _ in value.ListFields() if inner.name not in _ABOUT_THE_REQUEST]
    return tuple(name[:_MAX_CHARACTERS] for name in dict.fromkeys((*paths, *names)))[:_MAX_FIELDS]


def _is_resource(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and not field.is_repeated and kind.full_name.startswith(_PACKAGE)
