"""Forms that pages send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from foreword.errors import CancelledError
from foreword.http.bodies import check_encoding, too_large, too_slow
from foreword.http.errors import RequestError

_MAX_BYTES: Final = 2 * 2**20
_MOST_FIELDS: Final = 400
_SECONDS: Final = 60.0


class Form(Mapping[str, str]):
    """The fields of a form: the last value of each name, and all of them by `all`."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._last = dict(pairs)

    def __getitem__(self, name: str) -> str:
        return self._last[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def all(self, name: str) -> list[str]:
        """Return all values of a name, in order."""
        return [value for found, value in self._pairs if found == name]


async def read_form(request: Request) -> Form:
    """Read the fields of a form without files.

    Browsers send line breaks as CR LF; they arrive here as LF, which is what people have typed.

    Raises:
        RequestError: The form is too large or too slow, or no form.
        CancelledError: The browser has gone.
    """
    check_encoding(request)
    if request.headers.get("content-length") == "0":
        return Form([])
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise RequestError("The body must be a form of the studio.", status=415, reason="CONTENT_TYPE_UNSUPPORTED")
    content = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                if len(content) + len(chunk) > _MAX_BYTES:
                    raise too_large(_MAX_BYTES)
                content += chunk
    except TimeoutError:
        raise too_slow(_SECONDS) from None
    except ClientDisconnect:
        raise CancelledError("The browser closed the connection before its form was complete.") from None
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:  # also a UnicodeDecodeError
        raise RequestError("The form cannot be read. Send it again from its page.", reason="FORM_INVALID") from None
    return Form([(name, value.replace("\r\n", "\n")) for name, value in pairs])
