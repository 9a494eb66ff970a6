"""The typed registers that `register_*` hooks add to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An item of a plugin that is not available, or whose name belongs to another plugin.

    Attributes:
        plugin: The plugin that provides the item.
        reason: The problem and the remedy.
    """

    plugin: str
    name: str
    reason: str


class Register(Generic[Item]):
    """Items by name, each with the plugin that provides it.

    The first plugin that adds a name keeps it. The item of a later plugin is left out; the rest of that plugin stays.

    Args:
        noun: Kind of the items, for messages, such as `task`.
        name_of: Returns an item's name.
        aliases_of: Returns the other names of an item.
    """

    def __init__(
        self,
        noun: str,
        name_of: Callable[[Item], str],
        aliases_of: Callable[[Item], Collection[str]] = lambda _: (),
    ) -> None:
        self.noun = noun
        self._name_of = name_of
        self._aliases_of = aliases_of
        self._items: dict[str, Item] = {}
        self._owners: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._left_out: list[LeftOut] = []
        self._plugin = ""
        self._origins: dict[str, str] = {}

    def claim(self, plugin: str, distribution: str = "") -> None:
        """Set the plugin that provides all items added from now on.

        Args:
            distribution: The plugin's distribution and its version, for messages.
        """
        self._plugin = plugin
        self._origins[plugin] = f"{plugin} ({distribution})" if distribution else plugin

    def add(self, item: Item) -> None:
        """Add an item. An item whose name is taken is left out, and so is an alias that is taken."""
        name = self._name_of(item)
        if self._holder(name) is not None:
            self.leave_out(name, self._clash(name))
            return
        self._items[name] = item
        self._owners[name] = self._plugin
        for alias in self._aliases_of(item):
            if self._holder(alias) not in (None, name):
                self.leave_out(alias, self._clash(alias))
            else:
                self._aliases[alias] = name

    def leave_out(self, name: str, reason: str) -> None:
        """Record why a configured item is not available. A request for it is refused with this reason.

        Args:
            reason: The problem and the remedy.
        """
        self._left_out.append(LeftOut(plugin=self._plugin, name=name, reason=reason))

    def drop(self, plugin: str) -> None:
        """Remove everything that a plugin added."""
        self._left_out = [item for item in self._left_out if item.plugin != plugin]
        for name in self.names_of(plugin):
            del self._items[name], self._owners[name]
        self._aliases = {alias: name for alias, name in self._aliases.items() if name in self._items}

    def owner(self, name: str) -> str:
        """Return the plugin that provides an item."""
        return self._owners[name]

    def names_of(self, plugin: str) -> tuple[str, ...]:
        """Return the names of the items that a plugin provides."""
        return tuple(name for name, owner in self._owners.items() if owner == plugin)

    def left_out_of(self, plugin: str) -> tuple[str, ...]:
        """Return the reasons why items of a plugin are left out."""
        return tuple(item.reason for item in self._left_out if item.plugin == plugin)

    def get(self, name: str) -> Item | None:
        """Return the item of this name, or None."""
        return self._items.get(name)

    def by_alias(self, alias: str) -> Item | None:
        """Return the item with this alias, or None."""
        return self._items.get(self._aliases.get(alias, ""))

    @property
    def items(self) -> Mapping[str, Item]:
        """All items by name."""
        return self._items

    @property
    def left_out(self) -> Mapping[str, str]:
        """The reasons why configured items are not available, by name."""
        return {item.name: item.reason for item in self._left_out}

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def _holder(self, name: str) -> str | None:
        """Return the name of the item that a name or alias belongs to."""
        return name if name in self._items else self._aliases.get(name)

    def _clash(self, name: str) -> str:
        """Return the reason why a name that is taken cannot be used again."""
        holder = self._holder(name)
        assert holder is not None, f"{name} is not taken"
        owner, claimant = (self._origins.get(plugin, plugin) for plugin in (self._owners[holder], self._plugin))
        where = "" if holder == name else f" as another name of {holder!r}"
        return (
            f"The plugin {claimant} provides the {self.noun} {name!r}, but the plugin {owner} already provides it"
            f"{where}. Rename it in {self._plugin}, or exclude one of the two plugins with FOREWORD_PLUGINS."
        )
