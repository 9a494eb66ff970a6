"""Etags of resources that several callers change."""

from __future__ import annotations

import hashlib
from datetime import datetime


def resource_etag(create_time: datetime, change_count: int) -> str:
    """Return the etag of a resource.

    The time distinguishes a resource from a deleted one of the same name. Row numbers would tell a tenant how many
    resources others have.
    """
    version = f"{create_time.isoformat()}/{change_count}"
    return hashlib.sha256(version.encode()).hexdigest()[:16]
