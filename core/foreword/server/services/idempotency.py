"""Identification of repeated requests by request id and content."""

from __future__ import annotations

import hashlib
from typing import Any

from foreword.domain.violations import Violations
from foreword.storage.repositories.requests import RequestKey

_MAX_REQUEST_ID = 64


def request_key(rpc: str, message: Any, content: str = "", field: str = "request_id") -> RequestKey | None:
    """Return the key of a request; None if it has no `request_id`.

    Args:
        rpc: Name of the method.
        message: The message with the field `request_id`; all other fields are the content.
        content: Hash of additional content of the request.
        field: Path of the id in violations.

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
