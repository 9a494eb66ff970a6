"""The operator's list of the plugins that may load."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import EntryPoint

from foreword.entry_points import distribution_of, normalized
from foreword.plugin.status import PluginState, PluginStatus


class AllowList:
    """A list of distributions, and of single plugins as `distribution:name`.

    The name of a plugin alone allows nothing, because any distribution can use any name.

    Args:
        entries: The entries; empty allows all plugins.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = {entry: _parsed(entry) for entry in entries}

    def allows(self, point: EntryPoint) -> bool:
        """Return whether a plugin may load."""
        return not self._entries or any(_matches(parsed, point) for parsed in self._entries.values())

    def missing(self, found: Collection[EntryPoint]) -> Iterator[PluginStatus]:
        """Return a status for each entry without an installed plugin."""
        for entry, parsed in self._entries.items():
            if not any(_matches(parsed, point) for point in found):
                yield PluginStatus(
                    id=entry,
                    distribution="",
                    version="",
                    module="",
                    state=PluginState.FAILED,
                    error="FOREWORD_PLUGINS names it, but no installed package has this plugin; "
                    + _remedy(entry, found),
                )


def entry_of(point: EntryPoint) -> str:
    """Return the entry that allows exactly one plugin."""
    return f"{distribution_of(point)}:{point.name}"


def _parsed(entry: str) -> tuple[str, str]:
    """Return the normalized distribution and the name of an entry; an empty name stands for all."""
    distribution, _, name = entry.partition(":")
    return normalized(distribution.strip()), name.strip()


def _matches(parsed: tuple[str, str], point: EntryPoint) -> bool:
    distribution, name = parsed
    return bool(distribution) and distribution == distribution_of(point) and name in ("", point.name)


def _remedy(entry: str, found: Iterable[EntryPoint]) -> str:
    named = sorted(entry_of(point) for point in found if point.name == entry and point.dist)
    return f"write {' or '.join(named)}" if named else "install the package or remove the entry"
