"""The outcome of loading a plugin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PluginState(Enum):
    """The state of a plugin: in use, failed, or excluded by the allow-list."""

    LOADED = "loaded"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStatus:
    """An installed plugin, loaded or not.

    Attributes:
        id: Name of the entry point.
        distribution: Distribution of the plugin.
        version: Version of the distribution.
        module: Module that the entry point names.
        error: The reason why the plugin is not in use; empty if it is in use.
        provides: Registered items, such as `task:classification`.
        left_out: The problem and the remedy of each item that is left out: a name that another plugin has, or an item
            that cannot be used here.
    """

    id: str
    distribution: str
    version: str
    module: str
    state: PluginState
    error: str = ""
    provides: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
