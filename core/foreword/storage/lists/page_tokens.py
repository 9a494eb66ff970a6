"""Page tokens, which reveal nothing and cannot be forged or used for another list."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foreword.errors import InvalidArgumentError
from foreword.storage.database import Database

_NONCE_BYTES = 12  # the size that AES-GCM is defined for (NIST SP 800-38D)


class PageTokens:
    """Page tokens that are encrypted and authenticated with AES-GCM.

    The position of a page includes row numbers, which would tell a tenant how much others have stored.

    Args:
        key: 32 random bytes that all servers of a database share.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, scope: Sequence[Any], position: Sequence[Any]) -> str:
        """Return the token of the page after a position.

        Args:
            scope: JSON values that identify the list: its tenant, its name, its filter and its order.
            position: JSON values from which the next page starts.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, _to_bytes(position), _to_bytes(scope))
        return base64.urlsafe_b64encode(nonce + sealed).decode("ascii")

    def open(self, scope: Sequence[Any], token: str) -> list[Any]:
        """Return the position in a token.

        Raises:
            InvalidArgumentError: The token was changed, or belongs to another list.
        """
        try:
            sealed = base64.urlsafe_b64decode(token.encode("ascii"))
            if base64.urlsafe_b64encode(sealed).decode("ascii") != token:  # the decoder skips characters of no meaning
                raise ValueError
            position = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _to_bytes(scope))
        except (InvalidTag, ValueError, binascii.Error):  # an empty nonce is a ValueError
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
