"""Names of evaluated systems in words."""

from __future__ import annotations

import re

_OF_A_BASE = re.compile(r"base_([a-z0-9]+)_shot(_constrained)?(?:_(\d+))?")


def system_name(system: str) -> str:
    """Return the id of an evaluated system in words: `base model, zero-shot, labels only`; other ids as they are."""
    found = _OF_A_BASE.fullmatch(system)
    if found is None:
        return system
    shots, constrained, number = found.groups()
    return f"base model, {shots}-shot{', labels only' if constrained else ''}{f' ({number})' if number else ''}"
