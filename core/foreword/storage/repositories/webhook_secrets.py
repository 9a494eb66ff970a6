"""The secrets of webhooks, which the database holds only encrypted."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Final

from foreword.errors import FailedPreconditionError
from foreword.names import WebhookName
from foreword.storage.database import Database
from foreword.storage.sealing import Sealer

KEY_PURPOSE: Final = "webhook_secrets"
_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """The secrets of all webhooks of a database. Make it outside of transactions: its key may have to be created."""

    sealer: Sealer

    @classmethod
    def of(cls, database: Database) -> WebhookSecrets:
        """Return the secrets of a database.

        Raises:
            UnavailableError: The database cannot be reached.
        """
        return cls(Sealer(database.shared_key(KEY_PURPOSE)))

    def seal(self, tenant: str, webhook: str, secret: str) -> str:
        """Return the stored form of a secret, which opens only for its webhook."""
        return self.sealer.seal(secret.encode(), _place(tenant, webhook))

    def open(self, tenant: str, webhook: str, stored: str) -> str:
        """Return a secret.

        Raises:
            FailedPreconditionError: The stored form was changed, or its key was.
        """
        if stored.startswith(_PREFIX):  # a server of an earlier version, which still runs, has stored it
            return stored
        try:
            return self.sealer.open(stored, _place(tenant, webhook)).decode()
        except ValueError as error:
            name = str(WebhookName(tenant, webhook))
            raise FailedPreconditionError(
                f"The stored secret of {name} cannot be read, because it or its key was changed in the database. "
                f"Make a new one: foreword webhooks rotate {webhook}",
                reason="WEBHOOK_SECRET_UNREADABLE",
                metadata={"resource": name},
            ) from error


def new_secret() -> str:
    """Return a secret in the form of https://www.standardwebhooks.com."""
    return f"{_PREFIX}{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _place(tenant: str, webhook: str) -> bytes:
    return f"tenants/{tenant}/webhooks/{webhook}".encode()
