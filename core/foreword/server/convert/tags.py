"""Parsing of tags."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from foreword.domain.tags import MAX_TAG_CHARACTERS, MAX_TAGS, TagChange, check_tag_count, tag_key_fault
from foreword.domain.violations import Violations


def parse_tags(violations: Violations, field: str, values: Iterable[str]) -> tuple[str, ...]:
    """Parse tags without keys: at most 20, each of at most 63 characters."""
    tags = tuple(values)
    check_tag_count(violations, field, len(tags))
    for place, tag in enumerate(tags[:MAX_TAGS]):
        violations.text(f"{field}[{place}]", tag, MAX_TAG_CHARACTERS, required=True)
    return tags


def parse_keyed_tags(violations: Violations, field: str, values: Mapping[str, str]) -> dict[str, str]:
    """Parse tags by key: at most 20, with keys and values of at most 63 characters, in the order of the keys."""
    check_tag_count(violations, field, len(values))
    for key in islice(values, MAX_TAGS):
        fault = tag_key_fault(key)
        if fault:
            violations.add(field, fault)
        else:
            violations.text(f"{field}.{key}", values[key], MAX_TAG_CHARACTERS, required=True)
    return dict(sorted(values.items()))


def parse_tag_change(
    violations: Violations, field: str, values: Mapping[str, str], changed: Collection[str]
) -> TagChange:
    """Parse what an update changes in the tags of a resource.

    Args:
        field: Path of the tags in the request.
        values: The tags in the message.
        changed: The changed fields: `tags` for all tags, `tags.KEY` for one.
    """
    if "tags" in changed:
        return TagChange(values=parse_keyed_tags(violations, field, values), replaces_all=True, field=field)
    keys = {path.removeprefix("tags.") for path in changed if path.startswith("tags.")}
    given = {key: values[key] for key in keys if key in values}
    return TagChange(values=parse_keyed_tags(violations, field, given), removed=keys - given.keys(), field=field)
