"""What answers hold for a caller whose key may read only the resources that it has created."""

from __future__ import annotations

from typing import Any, Final

from foreword.server.callers.auth import current_caller

_SHOWN: Final = frozenset({"name", "etag", "state"})
"""Fields of a resource that any key that may change it gets."""

_FOR_INFERENCE: Final = frozenset({"foreword.v1.SavedPrompt"})
"""Messages that keys with the scope `infer` can read."""


def readable_answer(answer: Any) -> Any:
    """Return an answer of the current RPC without what its caller may not read.

    A change answers with the changed resource, and a change of nothing would show it. If the caller cannot read a
    resource, of it and of one in a field of the answer only the name, the etag and the state are left.

    Args:
        answer: A message; it is changed.
    """
    caller = current_caller()
    reader = caller.prompts_only_of if answer.DESCRIPTOR.full_name in _FOR_INFERENCE else caller.reads_only_of
    if reader is None:
        return answer
    for field, value in answer.ListFields():
        if field.message_type is not None and "creator" in field.message_type.fields_by_name and not field.is_repeated:
            _limit(value, reader)
    if "creator" in answer.DESCRIPTOR.fields_by_name:
        _limit(answer, reader)
    return answer


def _limit(resource: Any, reader: str) -> None:
    """Clear most fields of a resource unless `reader` has created it. One that is only planned has no name."""
    if resource.name and resource.creator != reader:
        for field, _ in resource.ListFields():
            if field.name not in _SHOWN:
                resource.ClearField(field.name)
