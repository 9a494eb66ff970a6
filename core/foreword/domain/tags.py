"""Tags of experiments and tuned models: short texts by key, to find them again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from foreword.domain.violations import Violations

MAX_TAGS: Final = 20
"""Maximum number of tags of a resource."""

MAX_TAG_CHARACTERS: Final = 63
"""Maximum length of a tag in characters: of a key, of a value, and of a tag without a key."""

TAG_KEY: Final = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{MAX_TAG_CHARACTERS - 1}}}")
"""What keys match, so that a filter can name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChange:
    """A change of tags. The default changes none.

    Attributes:
        values: Tags to set.
        removed: Keys of tags to remove, which need not exist.
        replaces_all: Whether `values` are all tags from then on.
        field: Path of the tags in the request, for errors.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    removed: Collection[str] = ()
    replaces_all: bool = False
    field: str = "tags"

    def apply(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return the tags after the change.

        Raises:
            InvalidArgumentError: There would be too many.
        """
        kept = {} if self.replaces_all else {key: value for key, value in tags.items() if key not in self.removed}
        changed = {**kept, **self.values}
        violations = Violations()
        check_tag_count(violations, self.field, len(changed))
        violations.check()
        return changed


def check_tag_count(violations: Violations, field: str, count: int) -> None:
    """Add a fault if a resource would have too many tags."""
    if count > MAX_TAGS:
        violations.add(field, f"must hold at most {MAX_TAGS} tags, not {count:,}")


def tag_key_fault(key: str) -> str:
    """Return why a text cannot be the key of a tag; empty if it can."""
    if TAG_KEY.fullmatch(key):
        return ""
    return (
        f"has the key {key[:80]!r}, but a key has at most {MAX_TAG_CHARACTERS} letters, digits, _ . or -, and begins "
        "with none of the last two"
    )
