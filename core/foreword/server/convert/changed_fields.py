"""The fields that an update changes, from its field mask (https://google.aip.dev/161)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from google.protobuf.message import Message

from foreword.domain.tags import tag_key_fault
from foreword.domain.violations import Violations

_MAX_PATHS: Final = 100


def changed_fields(
    violations: Violations,
    message: Message,
    paths: Sequence[str],
    mutable: Sequence[str],
    noun: str,
    *,
    has_keyed_tags: bool = False,
) -> frozenset[str]:
    """Return the fields in a mask; without a mask, the fields that are set.

    Args:
        mutable: Fields that can be changed.
        noun: The resource with its article, for messages, such as `a deployment`.
        has_keyed_tags: Whether `tags.KEY` can be changed as well, which is a tag.
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
    tags = {path for path in paths if path.startswith("tags.")} if has_keyed_tags else set()
    for place, path in enumerate(paths):
        if path in tags:
            fault = tag_key_fault(path.removeprefix("tags."))
            if fault:
                violations.add(f"update_mask.paths[{place}]", fault)
        elif path not in mutable:
            fault = "cannot be changed" if path in known else f"is not a field of {noun}"
            usable = ", ".join((*mutable, *(["tags.KEY"] if has_keyed_tags else [])))
            violations.add(f"update_mask.paths[{place}]", f"{path[:80]!r} {fault}; use some of {usable}")
    return frozenset(paths) & {*mutable, *tags}
