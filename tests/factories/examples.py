"""The number of examples of property tests."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """Return the number of examples that a test draws, scaled up in long runs (`pytest -m soak`)."""
    return number * settings.default.max_examples // settings.get_profile("suite").max_examples
