from __future__ import annotations

from pathlib import Path

import pytest

from foreword.domain.events import EventKind, kind_patterns, selects

GUIDE = Path(__file__).parents[3] / "deploy" / "webhooks.md"


@pytest.mark.parametrize("kind", EventKind)
def test_a_kind_is_selected_by_itself_its_noun_and_the_pattern_of_all(kind: EventKind):
    noun = kind.value.partition(".")[0]

    assert [pattern for pattern in kind_patterns() if selects([pattern], kind)] == ["*", f"{noun}.*", kind.value]


def test_one_pattern_of_several_is_enough_and_none_selects_nothing():
    assert selects(["evaluation.failed", "rollout.*"], EventKind.ROLLOUT_PROMOTED)
    assert not selects([], EventKind.ROLLOUT_PROMOTED)


@pytest.mark.parametrize("kind", EventKind)
def test_the_guide_describes_every_kind(kind: EventKind):
    assert f"| `{kind.value}` |" in GUIDE.read_text()
