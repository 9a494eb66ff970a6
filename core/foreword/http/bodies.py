"""Bodies of requests, with limits: no caller holds memory for long, and all of them together hold little."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeVar

from starlette.requests import ClientDisconnect, Request

from foreword.http.budgets import Budget
from foreword.http.callers import tenant_of, until_answered
from foreword.http.errors import CallerGoneError, RequestError
from foreword.http.structure import MAX_MARKS, has_too_many_marks

Parsed = TypeVar("Parsed")

MAX_JSON_BYTES: Final = 8 * 2**20
"""Maximum size of a JSON body: a prompt of a million characters, escaped."""
MAX_OPEN_BYTES: Final = 128 * 2**20
"""Maximum size of all large JSON bodies that are being read or answered."""
_SECONDS: Final = 60.0
"""Maximum time for the arrival of a JSON body."""
SMALL_BYTES: Final = 64 * 2**10
"""Bodies of this size are parsed on the event loop, which takes a few milliseconds at most, and are not counted: they
take less memory than a connection may have before them. Larger ones need a key."""


class HeldMemory:
    """The memory of a budget that one request holds, until it is answered: as a whole, or with the end of its stream.

    Args:
        budget: The budget.
        tenant: Who holds it. Default: the tenant of the caller's key.
    """

    def __init__(self, budget: Budget, *, tenant: str = "") -> None:
        self._budget = budget
        self._tenant = tenant
        self._size = 0

    async def grow(self, request: Request, size: int) -> None:
        """Hold at least this many bytes. A small number is not counted.

        Raises:
            RequestError: There is too little left.
            UnauthenticatedError: The number is large, and the caller, whose tenant is not known, has no valid key.
        """
        if size <= max(SMALL_BYTES, self._size):
            return
        self._tenant = self._tenant or await tenant_of(request)
        self._budget.take(self._tenant, size - self._size)
        self._size = size

    def release(self) -> None:
        """Return the memory."""
        if self._size:
            self._budget.release(self._tenant, self._size)
            self._size = 0


async def json_body(
    request: Request, parse: Callable[[dict[str, Any]], Parsed], size: Callable[[Parsed], int] = lambda _: 0
) -> Parsed:
    """Read and parse the JSON object of a request, whose memory is counted until the request is answered.

    Args:
        parse: Returns what the object asks for. It runs in a thread if the body is large.
        size: Returns the size in bytes of what is sent to the service at once, which may exceed that of the body.

    Raises:
        RequestError: The body is too large, too slow, no JSON, or no object, or `parse` refuses it.
        UnauthenticatedError: The body is large, and its caller has no valid key.
        CallerGoneError: The caller has gone.
    """
    check_encoding(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(
            "The body must be JSON, with the header Content-Type: application/json.",
            status=415,
            reason="CONTENT_TYPE_UNSUPPORTED",
        )
    held = HeldMemory(request.app.state.bodies)
    until_answered(request, held.release)
    content = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                if len(content) + len(chunk) > MAX_JSON_BYTES:
                    raise too_large(MAX_JSON_BYTES)
                content += chunk
                await held.grow(request, len(content))
    except TimeoutError:
        raise too_slow(_SECONDS) from None
    except ClientDisconnect:
        raise CallerGoneError("The caller closed the connection before its request was complete.") from None
    is_small = len(content) <= SMALL_BYTES
    parsed = _parsed(content, parse) if is_small else await asyncio.to_thread(_parsed, content, parse)
    await held.grow(request, size(parsed))
    return parsed


def check_encoding(request: Request) -> None:
    """Refuse a compressed body, whose size after decompression nobody knows.

    Raises:
        RequestError: The body is compressed.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise RequestError(
            "The header Content-Encoding must not be set: send the body uncompressed.",
            status=415,
            reason="CONTENT_ENCODING_UNSUPPORTED",
        )


def too_large(max_bytes: int) -> RequestError:
    """Return the error for a body over its limit."""
    return RequestError(
        f"The body must hold at most {max_bytes:,} bytes. Send less at once.", status=413, reason="MESSAGE_TOO_LARGE"
    )


def too_slow(seconds: float) -> RequestError:
    """Return the error for a body that has not arrived in time."""
    return RequestError(
        f"The body did not arrive within {seconds:.0f} seconds. Try again.", status=408, reason="BODY_TOO_SLOW"
    )


def _parsed(content: bytearray, parse: Callable[[dict[str, Any]], Parsed]) -> Parsed:
    if has_too_many_marks(content):
        raise RequestError(
            f"The body must have at most {MAX_MARKS:,} brackets, commas and colons outside of its texts. Send less at "
            "once.",
            status=413,
            reason="MESSAGE_TOO_LARGE",
        )
    try:
        value = json.loads(content.decode(), parse_constant=_refuse_constant)
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _not_json("it is not UTF-8") from None
    except ValueError as error:  # also a number of more than 4,300 digits
        raise _not_json(str(error)) from None
    if not isinstance(value, dict):
        raise RequestError("The body must be a JSON object.", reason="BODY_INVALID")
    return parse(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _not_json(problem: str) -> RequestError:
    return RequestError(f"The body is not valid JSON: {problem}.", reason="BODY_INVALID")
