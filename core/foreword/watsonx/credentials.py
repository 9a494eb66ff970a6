"""The address of the service and the API key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword.errors import FieldViolation, InvalidArgumentError

_KNOWN = ("url", "api_key", "apikey", "token", "verify")


class Credentials:
    """Credentials of a Foreword service.

    Args:
        url: Endpoint, `HOST:PORT`, optionally after `http://` or `https://`. Default: FOREWORD_ENDPOINT.
        api_key: Secret of the key; `apikey` and `token` are synonyms. Default: FOREWORD_API_KEY.
        verify: Path of the certificates to trust; True and None trust those of the system.

    Raises:
        InvalidArgumentError: Different keys are passed, or `verify` is False.
    """

    def __init__(
        self,
        *,
        url: str | None = None,
        api_key: str | None = None,
        apikey: str | None = None,
        token: str | None = None,
        verify: bool | str | None = None,
    ) -> None:
        keys = [key for key in (api_key, apikey, token) if key is not None]
        if len(set(keys)) > 1:
            raise InvalidArgumentError.of("credentials.api_key", "is set twice, with different values; set it once")
        self.url = url
        self.api_key = keys[0] if keys else None
        self.verify = verify
        check_verify(verify)

    @property
    def apikey(self) -> str | None:
        """The key, under its former name."""
        return self.api_key

    @classmethod
    def from_dict(cls, credentials: Mapping[str, Any]) -> Credentials:
        """Return credentials from a dict such as `{"url": ..., "apikey": ...}`.

        Raises:
            InvalidArgumentError: The dict has other keys, such as a user name. The error names all of them.
        """
        unknown = sorted(set(credentials) - set(_KNOWN))
        if unknown:
            raise InvalidArgumentError(
                [
                    FieldViolation(field=f"credentials.{name}", description="is not supported; pass url and apikey")
                    for name in unknown
                ]
            )
        return cls(**credentials)

    @classmethod
    def of(cls, credentials: Credentials | Mapping[str, Any]) -> Credentials:
        """Return credentials that are passed as an object or as a dict."""
        if isinstance(credentials, Credentials):
            return credentials
        if isinstance(credentials, Mapping):
            return cls.from_dict(credentials)
        raise InvalidArgumentError.of(
            "credentials", f"must be Credentials or a dict of url and apikey, not a {type(credentials).__name__}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the values that are set, by name."""
        values = {"url": self.url, "apikey": self.api_key, "verify": self.verify}
        return {name: value for name, value in values.items() if value is not None}

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, api_key={'***' if self.api_key else None!r})"


def check_verify(verify: bool | str | None) -> None:
    """Refuse to connect without checking certificates.

    Raises:
        InvalidArgumentError: `verify` is False.
    """
    if verify is False:
        raise InvalidArgumentError.of(
            "verify", "cannot be False: certificates are always checked; set those to trust, or use http:// in url"
        )
