"""Links that sign one browser in, once: whoever starts the service makes one, and its studio takes it.

A link is a file in the folder of the service's Unix socket, which only its user can open. The file has the key with
which the browser is signed in, and is named by a hash of the link's secret. That a link was used outlives the studio's
process, which may be started again.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from foreword.http.errors import RequestError

LINK_SECONDS: Final = 3600
"""Time for which a link can be used."""
_USED: Final = ".used"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")
_REMEDY: Final = (
    "Sign in with an API key. A service that is started with `foreword serve --dev` has the key `dev`, and prints a "
    "new link each time it starts."
)


class SignInLinks:
    """The links of one service.

    Args:
        folder: A folder that only the user of the service can open; None for a service on another machine.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def beside(cls, endpoint: str) -> SignInLinks:
        """Return the links of the service at an endpoint."""
        return cls(Path(endpoint.removeprefix("unix:")).parent if endpoint.startswith("unix:") else None)

    def make(self, api_key: str) -> str:
        """Make a link for the holder of a key, and return its secret."""
        assert self._folder is not None, "links are made beside the service"
        secret = secrets.token_urlsafe(32)
        file = self._folder / _name(secret)
        file.touch(mode=0o600)
        file.write_text(api_key, encoding="utf-8")
        return secret

    @contextmanager
    def taken(self, secret: str) -> Iterator[str]:
        """Take a link for the time of a `with` block, and yield its key. If the block fails, the link is given back.

        Raises:
            RequestError: The link was used, has expired, or is none of this service.
        """
        file = self._folder / _name(secret) if self._folder is not None and _SECRET.fullmatch(secret) else None
        if file is None:
            raise _unknown()
        used = file.with_name(file.name + _USED)
        try:
            age = time.time() - file.stat().st_mtime
            if age > LINK_SECONDS:
                raise _refused(f"This link has expired: it was valid for {LINK_SECONDS // 60} minutes.", "LINK_EXPIRED")
            file.rename(used)  # of several browsers at once, one succeeds
        except FileNotFoundError:
            if not used.exists():
                raise _unknown() from None
            raise _refused("This link was used already: it signs one browser in, once.", "LINK_USED") from None
        try:
            yield used.read_text(encoding="utf-8")
        except BaseException:
            used.rename(file)
            raise
        used.write_text("")


def _name(secret: str) -> str:
    return f"link-{hashlib.sha256(secret.encode()).hexdigest()}"


def _unknown() -> RequestError:
    return _refused("This link is not one of this service, which may have been started again.", "LINK_UNKNOWN")


def _refused(why: str, reason: str) -> RequestError:
    return RequestError(f"{why} {_REMEDY}", status=403, reason=reason)
