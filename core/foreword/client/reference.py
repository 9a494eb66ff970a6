"""How callers name resources."""

from __future__ import annotations

import re
import uuid
from typing import Protocol

from foreword.client.message import text_problem
from foreword.errors import InvalidArgumentError


class Named(Protocol):
    """A resource."""

    @property
    def name(self) -> str:
        """Its resource name."""


Reference = str | Named
"""A resource, its name, or the last part of its name."""


def reference_name(resource: Reference, collection: str) -> str:
    """The name that a caller gave, in full or only its last part.

    Raises:
        InvalidArgumentError: It is empty, or no name at all.
    """
    name = resource if isinstance(resource, str) else getattr(resource, "name", None)
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", collection).lower().removesuffix("s")
    field = kind.replace(" ", "_")
    if not isinstance(name, str):
        raise InvalidArgumentError.of(field, f"must be a {kind} or its name, not a {type(resource).__name__}")
    if not name.strip():
        raise InvalidArgumentError.of(field, f"is empty; name a {kind}")
    if problem := text_problem(name):
        raise InvalidArgumentError.of(field, problem)
    return name


def new_request_id() -> str:
    """An id that makes one mutation idempotent, however often it is sent."""
    return uuid.uuid4().hex
