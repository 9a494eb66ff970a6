"""Encrypt the secrets of webhooks."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_PURPOSE = "webhook_secrets"
_NONCE_BYTES = 12

_WEBHOOKS = sa.table(
    "webhooks",
    sa.column("key", sa.BigInteger()),
    sa.column("tenant", sa.Text()),
    sa.column("id", sa.Text()),
    sa.column("secret", sa.Text()),
    sa.column("previous_secret", sa.Text()),
)
_KEYS = sa.table(
    "shared_keys",
    sa.column("purpose", sa.Text()),
    sa.column("secret", sa.Text()),
    sa.column("create_time", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Replace each secret by its encrypted form, with a key that is made for it."""
    _replace(lambda cipher, text, place: text if not text.startswith("whsec_") else _sealed(cipher, text, place))


def downgrade() -> None:
    """Decrypt the secrets. The key stays."""
    _replace(lambda cipher, text, place: text if text.startswith("whsec_") else _opened(cipher, text, place))


def _replace(change: Callable[[AESGCM, str, bytes], str]) -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.select(_WEBHOOKS)).all()
    if not rows:
        return
    cipher = AESGCM(_key(connection))
    for row in rows:
        place = f"tenants/{row.tenant}/webhooks/{row.id}".encode()
        previous = None if row.previous_secret is None else change(cipher, row.previous_secret, place)
        connection.execute(
            sa.update(_WEBHOOKS)
            .where(_WEBHOOKS.c.key == row.key)
            .values(secret=change(cipher, row.secret, place), previous_secret=previous)
        )


def _key(connection: sa.Connection) -> bytes:
    stored = connection.scalar(sa.select(_KEYS.c.secret).where(_KEYS.c.purpose == _PURPOSE))
    if stored is None:
        stored = secrets.token_hex(32)
        connection.execute(sa.insert(_KEYS).values(purpose=_PURPOSE, secret=stored, create_time=datetime.now(UTC)))
    return bytes.fromhex(stored)


def _sealed(cipher: AESGCM, text: str, place: bytes) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + cipher.encrypt(nonce, text.encode(), place)).decode("ascii")


def _opened(cipher: AESGCM, text: str, place: bytes) -> str:
    raw = base64.urlsafe_b64decode(text)
    return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place).decode()
