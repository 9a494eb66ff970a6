"""The entry points of installed distributions: plugins, commands and demos.

A name belongs to Foreword only if the entry point leads to one of Foreword's packages. The name of the distribution
alone proves nothing: another one can call itself `Foreword`.
"""

from __future__ import annotations

import re
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Final

OWN_DISTRIBUTION: Final = "foreword"

OWN_PACKAGES: Final = frozenset(
    {
        "foreword",
        "foreword_huggingface",
        "foreword_methods",
        "foreword_slack",
        "foreword_starter",
        "foreword_tasks",
        "foreword_validators",
    }
)
"""The packages of this distribution."""


def normalized(name: str) -> str:
    """Return the name of a distribution in the form in which installers compare names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distribution_of(point: EntryPoint) -> str:
    """Return the normalized name of the distribution of an entry point; empty if it was made without one."""
    return normalized(point.dist.name or "") if point.dist else ""


def is_own(point: EntryPoint) -> bool:
    """Return whether an entry point belongs to Foreword itself."""
    return distribution_of(point) == OWN_DISTRIBUTION and point.module.partition(".")[0] in OWN_PACKAGES


def is_impostor(point: EntryPoint) -> bool:
    """Return whether the distribution of an entry point has Foreword's name without being Foreword."""
    return distribution_of(point) == OWN_DISTRIBUTION and not is_own(point)


def installed_entry_points(group: str) -> list[EntryPoint]:
    """Return the entry points of a group: Foreword's own first, then the others by name and distribution.

    Of several copies of a distribution, only the first one on the path counts. Copies with Foreword's name all count,
    because the first one may be another distribution, which must not hide Foreword's own.
    """
    found: dict[tuple[str, str, str], EntryPoint] = {}
    for name, points in _first_copies(group):
        for point in points:
            found.setdefault((name, point.name, point.value), point)
    return sorted(found.values(), key=order)


def order(point: EntryPoint) -> tuple[bool, str, str]:
    """Return the sort key of an entry point."""
    return not is_own(point), point.name, distribution_of(point)


def _first_copies(group: str) -> list[tuple[str, list[EntryPoint]]]:
    copies: list[tuple[str, list[EntryPoint]]] = []
    seen: set[str] = set()
    for distribution in distributions():
        points = [point for point in distribution.entry_points if point.group == group]
        name = _name_of(distribution) if points else ""
        if points and (name not in seen or name == OWN_DISTRIBUTION):
            seen.add(name)
            copies.append((name, points))
    return copies


def _name_of(distribution: Distribution) -> str:
    return normalized(distribution.name or "")
