"""Parsing of tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from foreword.domain.violations import Violations

_MAX_TAGS: Final = 20
_MAX_TAG: Final = 63


def parse_tags(violations: Violations, field: str, values: Iterable[str]) -> tuple[str, ...]:
    """Parse tags: at most 20, each of at most 63 characters."""
    tags = tuple(values)
    if len(tags) > _MAX_TAGS:
        violations.add(field, f"must hold at most {_MAX_TAGS} tags, not {len(tags)}")
    for place, tag in enumerate(tags[:_MAX_TAGS]):
        violations.text(f"{field}[{place}]", tag, _MAX_TAG, required=True)
    return tags
