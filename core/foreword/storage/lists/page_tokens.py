"""Page tokens, which reveal nothing and cannot be forged or used for another list."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from foreword.errors import InvalidArgumentError
from foreword.storage.database import Database
from foreword.storage.sealing import Sealer


class PageTokens:
    """Page tokens that are encrypted and authenticated.

    The position of a page includes row numbers, which would tell a tenant how much others have stored.

    Args:
        key: 32 random bytes that all servers of a database share.
    """

    def __init__(self, key: bytes) -> None:
        self._sealer = Sealer(key)

    def seal(self, scope: Sequence[Any], position: Sequence[Any]) -> str:
        """Return the token of the page after a position.

        Args:
            scope: JSON values that identify the list: its tenant, its name, its filter and its order.
            position: JSON values from which the next page starts.
        """
        return self._sealer.seal(_to_bytes(position), _to_bytes(scope))

    def open(self, scope: Sequence[Any], token: str) -> list[Any]:
        """Return the position in a token.

        Raises:
            InvalidArgumentError: The token was changed, or belongs to another list.
        """
        try:
            position = self._sealer.open(token, _to_bytes(scope))
        except ValueError:
            raise InvalidArgumentError.of(
                "page_token",
                "does not belong to this list; pass next_page_token of the previous page, with its filter and order",
            ) from None
        found: list[Any] = json.loads(position)
        return found


def page_tokens(database: Database) -> PageTokens:
    """Return the page tokens of the servers that share a database.

    Raises:
        UnavailableError: The database cannot be reached.
    """
    return PageTokens(database.shared_key("page_tokens"))


def _to_bytes(values: Sequence[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
