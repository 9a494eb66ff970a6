"""Tokens of OpenID Connect issuers in place of API keys. It needs the extra `oidc`."""
