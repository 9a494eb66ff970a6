"""Requests for tests of what is captured."""

from __future__ import annotations

from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from foreword.domain.capture import SeenRequest
from foreword.names import DeploymentName
from foreword.storage.captures.ledger import CaptureLedger
from foreword.storage.database import Database


def see(request_id: str, **values: Any) -> SeenRequest:
    """Return a request as a server has seen it; by default, one for text."""
    given = {"revision": 1, "model": "baseModels/foreword--starter", "input": "Where is it?", "output": "Here."}
    return SeenRequest(request_id=request_id, **{**given, **values})


def add_until_killed(url: str, created: datetime, room_bytes: int, sender: Connection) -> None:
    """Store batches of 20 requests in a process of its own, and send the number of each stored one."""
    ledger = CaptureLedger(Database(url), max_tenant_bytes=room_bytes)
    for batch in range(10_000):
        requests = [see(f"{batch}/{number}") for number in range(20)]
        ledger.add(DeploymentName("acme", "default", "triage"), created, requests)
        sender.send(batch)
