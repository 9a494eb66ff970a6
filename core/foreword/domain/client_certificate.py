"""Certificates of clients (mTLS), which callers can use instead of an API key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from foreword.domain.tenant import Scope

_NAME = re.compile(r"[a-z0-9-]{1,50}")
_SUBJECT = re.compile(r"(?:URI|DNS|CN):\S.{0,500}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateIdentity:
    """A caller with a certificate, as FOREWORD_TLS_CLIENTS describes it.

    Attributes:
        name: Short name for creators of resources and the audit log, `[a-z0-9-]{1,50}`.
        subject: What the certificate must have: `URI:spiffe://...` or `DNS:...`, an alternative name of its subject, or
            `CN:...`, the common name.
        tenant: Id of the caller's tenant.
        scopes: The caller's scopes.
    """

    # Read by pydantic: a misspelt member is an error.
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    name: str
    subject: str
    tenant: str
    scopes: tuple[Scope, ...]

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is missing or invalid.
        """
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"name must have 1 to 50 characters of a-z, 0-9 and -, not {self.name[:80]!r}")
        if _SUBJECT.fullmatch(self.subject) is None:
            raise ValueError(f"subject must be URI:..., DNS:... or CN:..., not {self.subject[:80]!r}")
        if not self.tenant:
            raise ValueError("tenant must be set")
        if not self.scopes:
            raise ValueError("scopes must hold at least one scope")

    @property
    def id(self) -> str:
        """Id of the caller, `mtls:NAME`."""
        return f"mtls:{self.name}"
