"""The fields that an update changes, from its field mask (https://google.aip.dev/161)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

from foreword.domain.violations import Violations

_MAX_PATHS: Final = 100


def changed_fields(
    violations: Violations, message: Message, paths: Sequence[str], mutable: Sequence[str], noun: str
) -> frozenset[str]:
    """Return the fields in a mask; without a mask, the fields that are set.

    Args:
        mutable: Fields that can be changed.
        noun: The resource with its article, for messages, such as `a deployment`.
    """
    if not paths:
        set_fields = {field.name for field, _ in message.ListFields()}
        return frozenset(set_fields & set(mutable))
    if len(paths) > _MAX_PATHS:
        violations.add("update_mask.paths", f"must hold at most {_MAX_PATHS}, not {len(paths):,}")
        return frozenset()
    if list(paths) == ["*"]:
        return frozenset(mutable)
    known = {field.name for field in message.DESCRIPTOR.fields}
    for place, path in enumerate(paths):
        if path not in mutable:
            fault = "cannot be changed" if path in known else f"is not a field of {noun}"
            violations.add(f"update_mask.paths[{place}]", f"{path[:80]!r} {fault}; use some of {', '.join(mutable)}")
    return frozenset(paths) & frozenset(mutable)
