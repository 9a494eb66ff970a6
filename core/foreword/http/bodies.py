"""Bodies of requests, with limits: no caller holds memory for long, and all of them together hold little."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

from starlette.requests import ClientDisconnect, Request

from foreword.errors import CancelledError
from foreword.http.errors import RequestError

MAX_JSON_BYTES: Final = 8 * 2**20
"""Maximum size of a JSON body: a prompt of a million characters, escaped."""
_OPEN_BYTES: Final = 128 * 2**20
"""Maximum size of all JSON bodies that are being read or answered."""
_SECONDS: Final = 60.0
"""Maximum time for the arrival of a JSON body."""
_SMALL_BYTES: Final = 64 * 2**10
"""Bodies of this size are parsed on the event loop, which takes less than a millisecond."""


class BodyBudget:
    """The memory for the bodies of all requests.

    Args:
        max_bytes: Maximum size of all bodies together.
    """

    def __init__(self, max_bytes: int = _OPEN_BYTES) -> None:
        self._max_bytes = max_bytes
        self._taken = 0

    def take(self, size: int) -> None:
        """Take memory.

        Raises:
            RequestError: There is too little left.
        """
        if self._taken + size > self._max_bytes:
            raise RequestError(
                "Too many large requests are being read at once. Try again.", status=503, reason="BODIES_BUSY"
            )
        self._taken += size

    def release(self, size: int) -> None:
        """Return memory."""
        self._taken -= size


@asynccontextmanager
async def json_body(request: Request) -> AsyncGenerator[dict[str, Any]]:
    """Read the JSON object of a request, whose memory is counted until the block ends.

    Raises:
        RequestError: The body is too large, too slow, no JSON, or no object.
        CancelledError: The caller has gone.
    """
    check_encoding(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RequestError(
            "The body must be JSON, with the header Content-Type: application/json.",
            status=415,
            reason="CONTENT_TYPE_UNSUPPORTED",
        )
    budget: BodyBudget = request.app.state.bodies
    content = bytearray()
    try:
        try:
            async with asyncio.timeout(_SECONDS):
                async for chunk in request.stream():
                    if len(content) + len(chunk) > MAX_JSON_BYTES:
                        raise too_large(MAX_JSON_BYTES)
                    budget.take(len(chunk))
                    content += chunk
        except TimeoutError:
            raise too_slow(_SECONDS) from None
        except ClientDisconnect:
            raise CancelledError("The caller closed the connection before its request was complete.") from None
        large = len(content) > _SMALL_BYTES
        yield await asyncio.to_thread(_parse, content) if large else _parse(content)
    finally:
        budget.release(len(content))


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


def _parse(content: bytearray) -> dict[str, Any]:
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
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _not_json(problem: str) -> RequestError:
    return RequestError(f"The body is not valid JSON: {problem}.", reason="BODY_INVALID")
