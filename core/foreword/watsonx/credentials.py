"""Where the service is and how to prove who calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foreword.errors import FieldViolation, InvalidArgumentError

_KNOWN = ("url", "api_key", "apikey", "token", "verify")


class Credentials:
    """Credentials of a Foreword service.

    Args:
        url: Endpoint, `HOST:PORT` or with `http://` or `https://` in front. Default: FOREWORD_ENDPOINT.
        api_key: Secret of the key; `apikey` and `token` are other names of it. Default: FOREWORD_API_KEY.
        verify: Path of the certificates to trust; True and None trust the usual ones.

    Raises:
        InvalidArgumentError: More than one key is given, or `verify` is False.
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
            raise InvalidArgumentError.of("credentials.api_key", "is given twice, with different values; give it once")
        self.url = url
        self.api_key = keys[0] if keys else None
        self.verify = verify
        check_verify(verify)

    @property
    def apikey(self) -> str | None:
        """The key, under its older name."""
        return self.api_key

    @classmethod
    def from_dict(cls, credentials: Mapping[str, Any]) -> Credentials:
        """Reads `{"url": ..., "apikey": ...}`.

        Raises:
            InvalidArgumentError: It holds anything else, such as a user name; names every such key.
        """
        unknown = sorted(set(credentials) - set(_KNOWN))
        if unknown:
            raise InvalidArgumentError(
                [
                    FieldViolation(field=f"credentials.{name}", description="is not used here; give url and apikey")
                    for name in unknown
                ]
            )
        return cls(**credentials)

    @classmethod
    def of(cls, credentials: Credentials | Mapping[str, Any]) -> Credentials:
        """Credentials given as an object or as a dict."""
        if isinstance(credentials, Credentials):
            return credentials
        if isinstance(credentials, Mapping):
            return cls.from_dict(credentials)
        raise InvalidArgumentError.of(
            "credentials", f"must be Credentials or a dict of url and apikey, not a {type(credentials).__name__}"
        )

    def to_dict(self) -> dict[str, Any]:
        """What is set, by name."""
        values = {"url": self.url, "apikey": self.api_key, "verify": self.verify}
        return {name: value for name, value in values.items() if value is not None}

    def __repr__(self) -> str:
        return f"Credentials(url={self.url!r}, api_key={'***' if self.api_key else None!r})"


def check_verify(verify: bool | str | None) -> None:
    """Refuses to talk to whoever answers.

    Raises:
        InvalidArgumentError: `verify` is False.
    """
    if verify is False:
        raise InvalidArgumentError.of(
            "verify", "cannot be False: certificates are always checked; name those to trust, or write http:// in url"
        )
