"""How many examples a property test draws."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """The number of examples that a test draws in the suite, scaled up in the long runs (`pytest -m soak`)."""
    return number * settings.default.max_examples // settings.get_profile("suite").max_examples
