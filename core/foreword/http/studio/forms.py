"""Forms that pages send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from foreword.errors import CancelledError
from foreword.http.bodies import SMALL_BYTES, HeldMemory, check_encoding, too_large, too_slow
from foreword.http.callers import until_answered
from foreword.http.errors import RequestError

_MAX_BYTES: Final = 2 * 2**20
_MOST_FIELDS: Final = 400
_SECONDS: Final = 60.0
_FORM: Final = "application/x-www-form-urlencoded"
_BROWSERS: Final = "(browsers)"
"""Who holds the memory of forms, whose senders are not known yet: all of them together, and no tenant."""
_COPIES: Final = 4
"""Bytes of memory for each byte of a form: the body, its text, its fields, and the page that shows them again."""
_KEPT: Final = "kept."
"""Prefix of the fields of another form that a form keeps."""
_KEPT_ACTION: Final = "kept_action"
_OF_PAGES: Final = frozenset({"action", "do", "etag", "mode", "nonce"})
"""Fields that pages fill by themselves."""
_MORE_BYTES, _MORE_FIELDS = 2**14, 10
"""Room for the fields of a form that keeps another one."""


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

    @property
    def kept(self) -> KeptForm | None:
        """The other form that this one keeps; None if it keeps none."""
        if _KEPT_ACTION not in self:
            return None
        fields = [(name.removeprefix(_KEPT), value) for name, value in self._pairs if name.startswith(_KEPT)]
        return KeptForm(action=self[_KEPT_ACTION], fields=fields)

    def keep(self, action: str) -> KeptForm:
        """Return what is needed to show this form again.

        Args:
            action: The path to which it was sent.
        """
        return KeptForm(action=action, fields=self._pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptForm:
    """A form that could not be read by its page yet, with all that was typed.

    Attributes:
        action: The path to which it was sent.
        fields: Names and values, in order.
    """

    action: str
    fields: Sequence[tuple[str, str]]

    @property
    def typed(self) -> list[tuple[str, str]]:
        """The fields that people fill, if they are not empty."""
        return [(name, value) for name, value in self.fields if value.strip() and name not in _OF_PAGES]

    @property
    def hidden(self) -> list[tuple[str, str]]:
        """The fields by which another form keeps this one."""
        return [(_KEPT_ACTION, self.action), *((f"{_KEPT}{name}", value) for name, value in self.fields)]


async def read_early(request: Request) -> Form | None:
    """Read a form before it is known whether its page may have it; None if the body is none, such as a file."""
    return await read_form(request) if _kind(request) == _FORM else None


async def read_form(request: Request, *, keeps_another: bool = False) -> Form:
    """Read the fields of a form without files. It can be read again.

    Browsers send line breaks as CR LF; they arrive here as LF, which is what people have typed.

    Args:
        keeps_another: Whether it can have the fields of another form.

    Raises:
        RequestError: The form is too large or too slow, or no form, or there is no memory for a large one.
        CancelledError: The browser has gone.
    """
    found: Form | None = getattr(request.state, "form", None)
    if found is None:
        request.state.form = found = await _read(request, keeps_another)
    return found


async def _read(request: Request, keeps_another: bool) -> Form:
    check_encoding(request)
    if request.headers.get("content-length") == "0":
        return Form([])
    if _kind(request) != _FORM:
        raise RequestError("The body must be a form of the studio.", status=415, reason="CONTENT_TYPE_UNSUPPORTED")
    most_bytes, most_fields = _MAX_BYTES, _MOST_FIELDS
    if keeps_another:
        most_bytes, most_fields = most_bytes + _MORE_BYTES, most_fields + _MORE_FIELDS
    held = HeldMemory(request.app.state.bodies, tenant=_BROWSERS)
    until_answered(request, held.release)
    content = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            async for chunk in request.stream():
                if len(content) + len(chunk) > most_bytes:
                    raise too_large(most_bytes)
                content += chunk
                if len(content) > SMALL_BYTES:
                    await held.grow(request, _COPIES * len(content))
    except TimeoutError:
        raise too_slow(_SECONDS) from None
    except ClientDisconnect:
        raise CancelledError("The browser closed the connection before its form was complete.") from None
    if len(content) <= SMALL_BYTES:
        return _parsed(content, most_fields)
    return await asyncio.to_thread(_parsed, content, most_fields)  # a large one takes tenths of a second


def _parsed(content: bytearray, most_fields: int) -> Form:
    try:
        pairs = parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most_fields)
    except ValueError:  # also a UnicodeDecodeError
        raise RequestError("The form cannot be read. Send it again from its page.", reason="FORM_INVALID") from None
    return Form([(name, value.replace("\r\n", "\n")) for name, value in pairs])


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip()
