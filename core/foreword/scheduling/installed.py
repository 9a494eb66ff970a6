"""Items of plugins that a job needs at its worker."""

from __future__ import annotations

from typing import TypeVar

from foreword.errors import FailedPreconditionError

Item = TypeVar("Item")


def installed(noun: str, id: str, item: Item | None) -> Item:
    """Return an item of a plugin.

    Raises:
        FailedPreconditionError: This worker lacks the plugin.
    """
    if item is None:
        raise FailedPreconditionError(
            f"The {noun} {id!r} is not installed on this worker. Install its plugin there, or allow it in "
            "FOREWORD_PLUGINS, and create the job again.",
            reason="PLUGIN_MISSING",
        )
    return item
