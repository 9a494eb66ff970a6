"""The typed registers that `register_*` hooks are handed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

Item = TypeVar("Item")


class DuplicateNameError(ValueError):
    """Two plugins claim one name; the message names both."""


class Register(Generic[Item]):
    """Items by name, each with the plugin that brought it.

    Args:
        noun: What is registered, for messages: `task`.
        name_of: Tells an item's name.
    """

    def __init__(self, noun: str, name_of: Callable[[Item], str]) -> None:
        self.noun = noun
        self._name_of = name_of
        self._items: dict[str, Item] = {}
        self._owners: dict[str, str] = {}
        self._left_out: dict[str, tuple[str, str]] = {}
        self._plugin = ""

    def claim(self, plugin: str) -> None:
        """Everything added from now on belongs to this plugin."""
        self._plugin = plugin

    def add(self, item: Item) -> None:
        """Registers an item.

        Raises:
            DuplicateNameError: Its name is taken.
        """
        name = self._name_of(item)
        if name in self._items:
            raise DuplicateNameError(
                f"{self.noun} {name!r} is registered by both {self._owners[name]} and {self._plugin}; "
                f"rename one, or leave one plugin out with FOREWORD_PLUGINS"
            )
        self._items[name] = item
        self._owners[name] = self._plugin

    def leave_out(self, name: str, reason: str) -> None:
        """Names an item that was asked for but cannot be offered; whoever asks for it is told why.

        Args:
            reason: The problem and the remedy.
        """
        self._left_out[name] = (self._plugin, reason)

    def drop(self, plugin: str) -> None:
        """Forgets what a plugin added."""
        self._left_out = {name: item for name, item in self._left_out.items() if item[0] != plugin}
        for name in [name for name, owner in self._owners.items() if owner == plugin]:
            del self._items[name], self._owners[name]

    def owner(self, name: str) -> str:
        """The plugin that brought an item."""
        return self._owners[name]

    def get(self, name: str) -> Item | None:
        """The item of this name, or None."""
        return self._items.get(name)

    @property
    def items(self) -> Mapping[str, Item]:
        """All items by name."""
        return self._items

    @property
    def left_out(self) -> Mapping[str, str]:
        """Why items that were asked for are not offered, by name."""
        return {name: reason for name, (_, reason) in self._left_out.items()}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())
