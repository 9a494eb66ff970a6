"""Tokens, encrypted at rest."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from foreword.errors import FailedPreconditionError, InvalidArgumentError


def key_from(secrets: Sequence[str]) -> str:
    """The Fernet key that bots with the same secrets share, so that one opens what another has sealed.

    Args:
        secrets: Random secrets of the app, of which at least one is not empty.
    """
    assert any(secrets)
    digest = hashlib.sha256(b"\0".join([b"foreword slack tokens", *(secret.encode() for secret in secrets)])).digest()
    return base64.urlsafe_b64encode(digest).decode()


class TokenVault:
    """Encrypts tokens with Fernet.

    Args:
        keys: Fernet keys; the first encrypts, all decrypt, so that a new key can be put in front of an old one.

    Raises:
        InvalidArgumentError: There is no key, or one is no Fernet key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise InvalidArgumentError.of(
                "token_keys",
                "must be one or more Fernet keys: 32 bytes in URL-safe base64, such as "
                "`python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'` prints",
            ) from None

    def seal(self, tokens: dict[str, Any]) -> str:
        """Encrypts tokens."""
        return self._fernet.encrypt(json.dumps(tokens).encode()).decode()

    def open(self, sealed: str) -> dict[str, Any]:
        """Decrypts tokens.

        Raises:
            FailedPreconditionError: They were encrypted with another key.
        """
        try:
            opened: dict[str, Any] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise FailedPreconditionError(
                "The stored tokens were encrypted with a key that is not among the bot's keys. Add that key behind the "
                "current one, or install the bot in the workspace again.",
                reason="TOKEN_KEY_UNKNOWN",
            ) from None
        return opened

    def reseal(self, sealed: str) -> str:
        """Encrypts with the first key what an older one encrypted."""
        return self._fernet.rotate(sealed.encode()).decode()
