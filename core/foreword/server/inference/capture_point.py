"""A deployment that captures some of its requests, and the choice of these."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from foreword.domain.capture import CapturePolicy
from foreword.names import DeploymentName


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePoint:
    """A deployment that captures some of its requests.

    Attributes:
        called: Its serving name.
        create_time: When it was created, which tells it from another one of the same name.
    """

    deployment: DeploymentName
    called: str
    create_time: datetime
    policy: CapturePolicy

    def chooses(self, request_id: str) -> bool:
        """Return whether a request belongs to the share. The same id always gives the same answer."""
        text = f"captures/{self.deployment}/{request_id}"
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
        return number < self.policy.share * 2**64
