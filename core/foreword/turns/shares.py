"""The rule by which tenants share a limit on what waits."""

from __future__ import annotations

from collections.abc import Mapping


def exceeds_share(held: Mapping[str, int], tenant: str, more: int, limit: int) -> bool:
    """Return whether a tenant must not take more of a limit.

    No tenant can use up the limit for the others: if it is exhausted, a tenant below an equal share may continue, so
    that at most twice the limit is held.

    Args:
        held: What each tenant holds; only tenants that hold something.
        more: What the tenant asks for in addition.
        limit: Limit of what all tenants hold together.
    """
    own = held.get(tenant, 0)
    share = limit // (len(held) + (0 if own else 1))
    return sum(held.values()) + more > limit and own + more > share
