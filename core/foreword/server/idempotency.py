"""Request ids: what makes two requests the same one."""

from __future__ import annotations

import hashlib
from typing import Any

from foreword.domain.violations import Violations
from foreword.storage.requests import RequestKey

_MAX_REQUEST_ID = 64


def request_key(rpc: str, message: Any, content: str = "", field: str = "request_id") -> RequestKey | None:
    """The key of a request that carries a `request_id`; None when it carries none.

    Args:
        rpc: Method name.
        message: The message with the field `request_id`; everything else in it is its content.
        content: Hash of what belongs to the request beside the message.
        field: How violations name the id.

    Raises:
        InvalidArgumentError: The id is too long.
    """
    request_id: str = message.request_id
    if not request_id:
        return None
    violations = Violations()
    violations.text(field, request_id, _MAX_REQUEST_ID)
    violations.check()
    bare = type(message)()
    bare.CopyFrom(message)
    bare.ClearField("request_id")
    digest = hashlib.sha256(bare.SerializeToString(deterministic=True))
    digest.update(content.encode())
    return RequestKey(rpc=rpc, request_id=request_id, fingerprint=digest.hexdigest())
