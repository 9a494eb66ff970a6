"""Encryption of what the database holds, or hands out, and nobody else may read or change."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12
"""The size that AES-GCM is defined for (NIST SP 800-38D)."""


class Sealer:
    """Encryption with AES-GCM, which also shows whether a text was changed, or moved to another place.

    Args:
        key: 32 random bytes; see `Database.shared_key`.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, content: bytes, place: bytes) -> str:
        """Return content encrypted, as URL-safe Base64.

        Args:
            place: What the content belongs to. It opens only for the same place.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, content, place)).decode("ascii")

    def open(self, sealed: str, place: bytes) -> bytes:
        """Return the content of a sealed text.

        Raises:
            ValueError: The text was changed, belongs to another place, or was sealed with another key.
        """
        try:
            raw = base64.urlsafe_b64decode(sealed.encode("ascii"))
            if base64.urlsafe_b64encode(raw).decode("ascii") != sealed:  # the decoder skips characters of no meaning
                raise ValueError
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError, binascii.Error) as error:  # an empty nonce is a ValueError
            raise ValueError("not sealed with this key for this place") from error
