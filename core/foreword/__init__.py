"""Foreword: prompt tuning as a service. `foreword.Client` is the way in."""

from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foreword.client import Client

__version__ = version("foreword")
__all__ = ["Client", "__version__"]


def __getattr__(name: str) -> object:
    """Loads the client on first use: server and worker import this package too and need no part of it."""
    if name == "Client":
        from foreword.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
