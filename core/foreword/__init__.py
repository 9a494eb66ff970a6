"""Foreword: prompt tuning as a service. `foreword.Client` and, for asyncio, `foreword.AsyncClient` are the way in."""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foreword.client import AsyncClient, Client

__version__ = version("foreword")
__all__ = ["AsyncClient", "Client", "__version__"]


def __getattr__(name: str) -> object:
    """Loads the clients on first use: server and worker import this package too and need no part of them."""
    if name in ("AsyncClient", "Client"):
        from foreword import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
