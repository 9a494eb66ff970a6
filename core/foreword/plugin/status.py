"""The outcome of loading a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PluginState(Enum):
    """Whether a plugin is in use."""

    LOADED = "loaded"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """An installed plugin, loaded or not.

    Attributes:
        id: Entry-point name.
        distribution: Distribution that it came with, and its version.
        module: Module that the entry point names.
        error: Why it is not in use; empty when it is.
        provides: What it registered, such as `task:classification`.
        left_out: What it cannot offer, each with problem and remedy: a name that another plugin has, or an item that
            cannot be used here.
    """

    id: str
    distribution: str
    version: str
    module: str
    state: PluginState
    error: str = ""
    provides: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
