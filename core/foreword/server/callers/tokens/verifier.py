"""The check of tokens: signature, issuer, audience and time, and the tenant and the scopes that they grant."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn

import jwt
from cachetools import TTLCache

from foreword.domain.oidc import OidcIssuer
from foreword.domain.tenant import Scope
from foreword.errors import InvalidArgumentError, PermissionDeniedError, UnauthenticatedError
from foreword.names import check_id
from foreword.server.callers.tokens.key_set import Jwk, KeySet

_ALGORITHMS: Final[Mapping[str, Sequence[str]]] = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "EC": ("ES256", "ES384", "ES512"),
    "OKP": ("EdDSA",),
}
"""Algorithms by the type of their keys. All have a private and a public key: with `HS256`, who can check tokens could
also make them, and `none` has no signature."""
_ALL: Final = tuple(name for names in _ALGORITHMS.values() for name in names)
_MAX_CHARACTERS: Final = 7_000
"""gRPC is sure to accept metadata of up to 8 KiB in all."""
_CACHED_TOKENS: Final = 10_000
_CACHED_SECONDS: Final = 60.0
"""Time for which a token that was checked is not checked again, also if its key is withdrawn."""
_MAX_ID: Final = 64
_HASHED: Final = "oidc-sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken:
    """What a token says about its caller.

    Attributes:
        subject: Id of the caller, `oidc:ISSUER:SUBJECT` or `oidc-sha256:ISSUER:HASH`; at most 64 characters.
        digest: SHA-256 of the token.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]
    expire_time: datetime
    digest: str


class TokenVerifier:
    """The check of the tokens of all issuers, on one event loop.

    Args:
        clock_skew: Time by which the clocks of issuers may differ.
        clock: Clock of monotonic time in seconds.
        now: Returns the wall-clock time.
    """

    def __init__(
        self,
        issuers: Sequence[OidcIssuer],
        *,
        clock_skew: timedelta,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._issuers = {issuer.issuer: (issuer, KeySet(issuer, clock)) for issuer in issuers}
        self._clock_skew = clock_skew
        self._now = now
        self._verified: TTLCache[str, VerifiedToken] = TTLCache(_CACHED_TOKENS, _CACHED_SECONDS, timer=clock)

    async def verify(self, token: str) -> VerifiedToken:
        """Return what a token says.

        Raises:
            UnauthenticatedError: It is malformed, forged, expired, or meant for another service.
            PermissionDeniedError: It is valid but grants nothing.
            UnavailableError: The keys of its issuer cannot be fetched.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = self._verified.get(digest)
        if found is None:
            found = self._verified[digest] = await self._verify(token, digest)
        self._check_expiry(found.expire_time)
        return found

    async def _verify(self, token: str, digest: str) -> VerifiedToken:
        if len(token) > _MAX_CHARACTERS:
            _refuse(f"has more than {_MAX_CHARACTERS:,} characters")
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})  # only to find its issuer
        except (jwt.PyJWTError, ValueError, RecursionError):
            _refuse("is not a signed JSON Web Token")
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in _ALL:
            _refuse(f"is signed with {str(algorithm)[:20]!r}; use one of {', '.join(_ALL)}")
        named = claims.get("iss")
        known = self._issuers.get(named) if isinstance(named, str) else None
        if known is None:
            _refuse("has an issuer (`iss`) that the operator of the service has not configured", "TOKEN_ISSUER_UNKNOWN")
        issuer, keys = known
        key = await keys.find(kid if isinstance(kid, str) else None)
        if key is None:
            _refuse("is signed with a key that its issuer does not have (any more)", "TOKEN_KEY_UNKNOWN")
        return self._granted(issuer, self._checked(token, issuer, key, algorithm), digest)

    def _checked(self, token: str, issuer: OidcIssuer, key: Jwk, algorithm: str) -> Mapping[str, Any]:
        """Return the claims of a token whose signature is right."""
        if algorithm not in _ALGORITHMS[key["kty"]] or key.get("alg", algorithm) != algorithm:
            _refuse("is signed with another algorithm than that of its key")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                jwt.PyJWK.from_dict(dict(key), algorithm),
                algorithms=[algorithm],
                issuer=issuer.issuer,
                audience=issuer.audience,
                options={"require": ["exp", "iss", "aud", "sub"], "verify_exp": False},  # with a clock of its own
                leeway=self._clock_skew,
            )
        except jwt.MissingRequiredClaimError as error:
            _refuse(f"lacks the claim {error.claim}")
        except jwt.ImmatureSignatureError:
            _refuse("is not valid yet; check the clocks of its issuer and of the service", "TOKEN_NOT_YET_VALID")
        except jwt.InvalidAudienceError:
            _refuse(f"is not meant for this service, whose audience is {issuer.audience}", "TOKEN_AUDIENCE_WRONG")
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            _refuse("has a wrong signature or malformed claims")
        return claims

    def _granted(self, issuer: OidcIssuer, claims: Mapping[str, Any], digest: str) -> VerifiedToken:
        """Return the tenant and the scopes that checked claims grant."""
        subject, expiry = claims["sub"], claims["exp"]
        if not isinstance(subject, str) or not subject or isinstance(expiry, bool):
            _refuse("has a malformed subject (`sub`) or expiry (`exp`)")
        try:
            expire_time = datetime.fromtimestamp(float(expiry), UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            _refuse("has a malformed expiry (`exp`)")
        self._check_expiry(expire_time)
        tenant, scopes = issuer.tenant_of(claims), issuer.scopes_of(claims)
        if not tenant or not _is_id(tenant):
            raise PermissionDeniedError(
                f"The token names no tenant: its claim {issuer.tenant_claim} is missing or not mapped. Ask the "
                "administrator of its issuer.",
                reason="TOKEN_WITHOUT_TENANT",
            )
        if not scopes:
            raise PermissionDeniedError(
                f"The token grants no scope: its claim {issuer.scopes_claim} is missing or not mapped. Ask the "
                "administrator of its issuer.",
                reason="TOKEN_WITHOUT_SCOPE",
            )
        return VerifiedToken(
            tenant=tenant,
            subject=_subject_id(issuer.name, subject),
            scopes=scopes,
            expire_time=expire_time,
            digest=digest,
        )

    def _check_expiry(self, expire_time: datetime) -> None:
        # Added to the last day that a calendar has, the tolerance would be out of range.
        if expire_time <= self._now() - self._clock_skew:
            raise UnauthenticatedError(
                "The token has expired. Request a new one from its issuer.", reason="TOKEN_EXPIRED"
            )


def _is_id(tenant: str) -> bool:
    try:
        check_id(tenant, "tenant")
    except InvalidArgumentError:
        return False
    return True


def _subject_id(issuer: str, subject: str) -> str:
    """Return the id of a caller: readable if it is short, otherwise with a hash of the subject.

    Hashes have a prefix of their own, so that nobody whose subject looks like the hash of another has the other's id.
    """
    id = f"oidc:{issuer}:{subject}"
    if len(id) <= _MAX_ID and id.isascii() and id.isprintable() and " " not in id:
        return id
    return f"{_HASHED}:{issuer}:{hashlib.sha256(subject.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def _refuse(why: str, reason: str = "TOKEN_INVALID") -> NoReturn:
    # `from None`: errors of the library may quote the token.
    raise UnauthenticatedError(f"The token {why}. Request a new one from its issuer.", reason=reason) from None
