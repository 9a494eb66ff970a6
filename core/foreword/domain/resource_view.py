"""Views of resources in lists."""

from __future__ import annotations

from enum import Enum


class ResourceView(Enum):
    """How much of a resource a list contains."""

    BASIC = "basic"
    """Without the parts that can be large: reports, learning curves, evaluations and revisions."""

    FULL = "full"
    """The whole resource."""
