"""Requests for tests of what is captured."""

from __future__ import annotations

from typing import Any

from foreword.domain.capture import SeenRequest


def see(request_id: str, **values: Any) -> SeenRequest:
    """Return a request as a server has seen it; by default, one for text."""
    given = {"revision": 1, "model": "baseModels/foreword--starter", "input": "Where is it?", "output": "Here."}
    return SeenRequest(request_id=request_id, **{**given, **values})
