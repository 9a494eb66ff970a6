"""Random dropping of input tokens in training, so that a method does not memorise the rows."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


class TokenDropout:
    """A function that drops tokens at random.

    Args:
        share: Share of an input's tokens to drop.
        special_tokens: Tokens that are never dropped.
    """

    def __init__(self, share: float, special_tokens: frozenset[int]) -> None:
        self._share = share
        self._special_tokens = special_tokens

    def __call__(self, input_ids: Sequence[int], generator: Random) -> Sequence[int]:
        """Return the remaining tokens, or the whole input if nothing would remain."""
        if not self._share:
            return input_ids
        kept = [token for token in input_ids if token in self._special_tokens or generator.random() >= self._share]
        return kept if any(token not in self._special_tokens for token in kept) else input_ids
