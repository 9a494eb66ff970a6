"""Ids of API keys that the service recognises as its own without looking them up."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from foreword.storage.database import Database

_RANDOM_DIGITS: Final = 10
_DIGITS: Final = 16


class KeyIds:
    """Ids of 16 hexadecimal digits, the last of which authenticate the others.

    Thus a flood of invented keys cannot be mistaken for new keys, and need not keep the service from looking these up.
    Keys that were created before this was introduced have ids that are not recognised, but work as well.

    Args:
        key: 32 random bytes that all servers of a database share.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new(self) -> str:
        """Return a random id."""
        random = secrets.token_hex(_RANDOM_DIGITS // 2)
        return random + self._mark(random)

    def recognises(self, id: str) -> bool:
        """Return whether the service has created an id, whether or not its key still exists."""
        return hmac.compare_digest(self._mark(id[:_RANDOM_DIGITS]), id[_RANDOM_DIGITS:])

    def _mark(self, random: str) -> str:
        return hmac.digest(self._key, random.encode(), "sha256").hex()[: _DIGITS - _RANDOM_DIGITS]


def key_ids(database: Database) -> KeyIds:
    """Return the ids of the keys in a database.

    Raises:
        UnavailableError: The database cannot be reached.
    """
    return KeyIds(database.shared_key("key_ids"))
