"""Leaves tokens of training inputs out, so that a method does not learn the rows by heart."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


class TokenDropout:
    """Drops tokens at random.

    Args:
        share: Share of an input's tokens that is left out.
        special_tokens: Never left out.
    """

    def __init__(self, share: float, special_tokens: frozenset[int]) -> None:
        self._share = share
        self._special_tokens = special_tokens

    def __call__(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """What is left, never nothing."""
        if not self._share:
            return input_ids
        kept = [token for token in input_ids if token in self._special_tokens or generator.random() >= self._share]
        return kept if any(token not in self._special_tokens for token in kept) else input_ids
