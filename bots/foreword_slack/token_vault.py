"""Encryption of tokens at rest."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from foreword.errors import FailedPreconditionError, InvalidArgumentError


def key_from(secrets: Sequence[str]) -> str:
    """Derive a Fernet key from secrets, so that bots with the same secrets can decrypt each other's tokens.

    Args:
        secrets: Random secrets of the app; at least one is not empty.
    """
    assert any(secrets)
    digest = hashlib.sha256(b"\0".join([b"foreword slack tokens", *(secret.encode() for secret in secrets)])).digest()
    return base64.urlsafe_b64encode(digest).decode()


class TokenVault:
    """Encryption of tokens with Fernet.

    Args:
        keys: Fernet keys. The first encrypts, all decrypt, so that a new key can be put in front of an old one.

    Raises:
        InvalidArgumentError: There is no key, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            fernets = [Fernet(key) for key in keys]
            self._fernet, self._first = MultiFernet(fernets), fernets[0]
        except (IndexError, ValueError):
            raise InvalidArgumentError.of(
                "token_keys",
                "must be one or more Fernet keys (32 bytes in URL-safe base64); generate one with "
                "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'`",
            ) from None

    def seal(self, tokens: dict[str, Any]) -> str:
        """Encrypt tokens."""
        return self._fernet.encrypt(json.dumps(tokens).encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """Decrypt tokens.

        Raises:
            FailedPreconditionError: The tokens were encrypted with an unknown key.
        """
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise FailedPreconditionError(
                "The stored tokens were encrypted with a key that is not among the bot's keys. Add that key after the "
                "current one, or install the bot in the workspace again.",
                reason="TOKEN_KEY_UNKNOWN",
            ) from None
        return opened

    def reseal(self, sealed: str) -> str | None:
        """Encrypt tokens again with the first key; return None if they are already, or if their key is unknown."""
        with contextlib.suppress(InvalidToken):
            self._first.decrypt(sealed.encode())
            return None
        with contextlib.suppress(InvalidToken):
            return self._fernet.rotate(sealed.encode()).decode()
        return None
