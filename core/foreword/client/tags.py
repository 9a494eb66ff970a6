"""Tags by key, as callers pass them to the client."""

from __future__ import annotations

from collections.abc import Mapping

from foreword.client.message import texts_by_name
from foreword.domain.tags import tag_key_fault
from foreword.domain.violations import Violations
from foreword.errors import InvalidArgumentError


def tag_change(field: str, tags: Mapping[str, str | None]) -> tuple[dict[str, str], list[str]]:
    """Return the tags that an update sets, and the paths of its field mask.

    Args:
        field: Path of the tags in the request, such as `tune_experiment.tags`.
        tags: The changed tags; None removes one.

    Raises:
        InvalidArgumentError: A key or a value cannot be one. The error names all of them.
    """
    if not isinstance(tags, Mapping):
        raise InvalidArgumentError.of(field, f"must map keys to texts or None, not a {type(tags).__name__}")
    texts_by_name(field, {key: "" if value is None else value for key, value in tags.items()})
    violations = Violations()
    for key in tags:
        fault = tag_key_fault(key)
        if fault:
            violations.add(field, fault)
    violations.check()
    given = {key: value for key, value in tags.items() if value is not None}
    return given, [f"tags.{key}" for key in tags]
