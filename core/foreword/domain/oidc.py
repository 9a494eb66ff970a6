"""Issuers of OpenID Connect tokens, which callers can send instead of an API key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from foreword.addresses import is_loopback
from foreword.domain.tenant import Scope

SCOPE_PREFIX: Final = "foreword:"
"""Without a mapping, a claim grants the scope `read` with `foreword:read`, and so on."""

_BY_PREFIX: Final = frozenset({Scope.WRITE, Scope.READ, Scope.INFER, Scope.TENANT_ADMIN})
"""Scopes that a claim can grant without a mapping. One for all tenants has to be mapped explicitly."""

_NAME = re.compile(r"[a-z0-9-]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcIssuer:
    """An issuer whose tokens are accepted, as FOREWORD_OIDC_ISSUERS describes it.

    Attributes:
        name: Short name for creators of resources and the audit log, `[a-z0-9-]{1,20}`.
        issuer: The claim `iss`, a URL. Its keys are found through `/.well-known/openid-configuration` below it.
        audience: The claim `aud` that tokens for this service have.
        tenant: The tenant of all callers; empty if a claim names it.
        tenant_claim: The claim that names the tenant.
        tenants: Tenants by values of the claim; empty if the values are ids of tenants.
        scopes_claim: The claim that grants scopes: a list, or a text with spaces in between.
        scopes: Scopes by values of the claim; empty for `foreword:read` and so on.
        jwks_url: URL of the keys. Default: as the issuer announces it.
    """

    # Read by pydantic: a misspelt member is an error.
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    name: str
    issuer: str
    audience: str
    tenant: str = ""
    tenant_claim: str = ""
    tenants: Mapping[str, str] = field(default_factory=dict)
    scopes_claim: str = "scope"
    scopes: Mapping[str, tuple[Scope, ...]] = field(default_factory=dict)
    jwks_url: str = ""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is missing or invalid.
        """
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"name must have 1 to 20 characters of a-z, 0-9 and -, not {self.name[:40]!r}")
        if not self.audience:
            raise ValueError("audience must be set: tokens for other services must not be accepted")
        if bool(self.tenant) == bool(self.tenant_claim):
            raise ValueError("set either tenant, or tenant_claim")
        for member, url in (("issuer", self.issuer), ("jwks_url", self.jwks_url or self.issuer)):
            if not is_safe_url(url):
                raise ValueError(f"{member} must be a URL with https, or with http on loopback, not {url[:80]!r}")

    def tenant_of(self, claims: Mapping[str, Any]) -> str:
        """Return the tenant that claims name; empty if they name none."""
        if self.tenant:
            return self.tenant
        value = claims.get(self.tenant_claim)
        if not isinstance(value, str):
            return ""
        return self.tenants.get(value, "") if self.tenants else value

    def scopes_of(self, claims: Mapping[str, Any]) -> frozenset[Scope]:
        """Return the scopes that claims grant."""
        value = claims.get(self.scopes_claim, ())
        values = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
        texts = [item for item in values if isinstance(item, str)]
        if self.scopes:
            return frozenset(scope for text in texts for scope in self.scopes.get(text, ()))
        by_text = {f"{SCOPE_PREFIX}{scope.value}": scope for scope in _BY_PREFIX}
        return frozenset(by_text[text] for text in texts if text in by_text)


def is_safe_url(url: str) -> bool:
    """Return whether keys may be fetched from a URL: nobody on the way can replace them."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
