"""The settings of issuers of tokens, and what is refused in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from foreword.config import Settings
from foreword.domain.oidc import OidcIssuer, is_safe_url
from foreword.domain.tenant import Scope

VALID: dict[str, Any] = {
    "name": "main",
    "issuer": "https://login.example.com",
    "audience": "foreword",
    "tenant_claim": "org",
    "scopes": {"tuners": ["write", "read"]},
}


def test_issuers_are_read_from_the_environment_and_passed_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FOREWORD_OIDC_ISSUERS", json.dumps([VALID]))
    settings = Settings()
    (issuer,) = settings.oidc_issuers
    monkeypatch.setenv("FOREWORD_OIDC_ISSUERS", settings.to_environment()["FOREWORD_OIDC_ISSUERS"])

    assert issuer.scopes == {"tuners": (Scope.WRITE, Scope.READ)}
    assert Settings().oidc_issuers == (issuer,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Main Issuer"}, "name must have"),
        ({"audience": ""}, "audience must be set"),
        ({"tenant": "acme"}, "either tenant, or tenant_claim"),
        ({"tenant_claim": ""}, "either tenant, or tenant_claim"),
        ({"issuer": "http://login.example.com"}, "issuer must be a URL with https"),
        ({"issuer": "login"}, "issuer must be a URL"),
        ({"jwks_url": "http://login.example.com/keys"}, "jwks_url must be a URL with https"),
        ({"audiences": "x"}, "audiences"),
        ({"scopes": {"tuners": ["root"]}}, "'admin', 'write'"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        Settings(oidc_issuers=[{**VALID, **change}])


@pytest.mark.parametrize("other", [{"issuer": "https://other.example.com"}, {"name": "other"}])
def test_issuers_can_be_told_apart(other: dict[str, Any]):
    with pytest.raises(ValidationError, match="different values"):
        Settings(oidc_issuers=[VALID, {**VALID, **other}])


def test_only_mapped_claims_make_administrators_of_the_service():
    plain = OidcIssuer(name="a", issuer="https://a.example", audience="x", tenant="acme")
    mapped = OidcIssuer(
        name="a", issuer="https://a.example", audience="x", tenant="acme", scopes={"root": (Scope.ADMIN,)}
    )

    assert plain.scopes_of({"scope": "foreword:admin foreword:infer"}) == {Scope.INFER}
    assert mapped.scopes_of({"scope": ["root", "foreword:infer"]}) == {Scope.ADMIN}


def test_keys_are_fetched_only_where_nobody_can_replace_them():
    assert is_safe_url("https://login.example.com/realms/x")
    assert is_safe_url("http://127.0.0.1:8080")
    assert not is_safe_url("http://10.0.0.1")
    assert not is_safe_url("file:///etc/passwd")
    assert not is_safe_url("https://[")
