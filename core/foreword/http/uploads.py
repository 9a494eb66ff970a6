"""Files that are uploaded as forms: on disk, with limits of size and time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from foreword.http.bodies import check_encoding, too_large, too_slow
from foreword.http.budgets import Budget
from foreword.http.callers import tenant_of
from foreword.http.errors import CallerGoneError, RequestError

_SILENCE_SECONDS: Final = 30.0
_SECONDS: Final = 900.0
"""Maximum time for the arrival of a form: 200 MB over a slow line."""
_FORM_BYTES: Final = 2**20
"""Size of a form beside its file."""
_MOST_FIELDS: Final = 20


@asynccontextmanager
async def uploaded_form(request: Request, max_bytes: int, *, tenant: str = "") -> AsyncGenerator[FormData]:
    """Read a form with at most one file, which lies on disk until the block ends.

    Args:
        max_bytes: Maximum size of the file.
        tenant: Id of the caller's tenant. Default: that of the key in the header.

    Raises:
        RequestError: The form is too large or too slow, or no form.
        UnauthenticatedError: The caller has no valid key.
        CallerGoneError: The caller has gone.
    """
    check_encoding(request)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise RequestError(
            "The body must be a form, with the header Content-Type: multipart/form-data.",
            status=415,
            reason="CONTENT_TYPE_UNSUPPORTED",
        )
    tenant = tenant or await tenant_of(request)  # nobody without a key fills the disk
    budget: Budget = request.app.state.uploads
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        try:
            async with asyncio.timeout(_SILENCE_SECONDS):
                message = await request.receive()
        except TimeoutError:
            raise too_slow(_SILENCE_SECONDS) from None
        size = len(message.get("body", b""))
        if taken + size > max_bytes + _FORM_BYTES:
            raise too_large(max_bytes)
        budget.take(tenant, size)
        taken += size
        return message

    try:
        try:
            async with asyncio.timeout(_SECONDS):
                form = await Request(request.scope, receive).form(max_files=1, max_fields=_MOST_FIELDS)
        except TimeoutError:
            raise too_slow(_SECONDS) from None
        except UnicodeError:  # of the names of fields, in the encoding that the request names
            raise RequestError(
                "The form cannot be read: its names are not text in the charset of the header Content-Type. Send "
                "UTF-8 without a charset.",
                reason="BODY_INVALID",
            ) from None
        except ClientDisconnect:
            raise CallerGoneError("The caller closed the connection before its request was complete.") from None
        try:
            yield form
        finally:
            await form.close()
    finally:
        if taken:
            budget.release(tenant, taken)
