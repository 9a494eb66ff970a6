"""Forms of a whole file that are certain from its start, turned into the bytes that they stand for."""

from __future__ import annotations

import codecs
import json
import re
from typing import Final, Protocol

from foreword.data.record import fault
from foreword.domain.report import Finding, Severity

_UTF16: Final = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UTF32: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
# A JSON text that begins with a list of objects, or with an object: "[{\"input\"... or "{\"input\"...
_ENCODED: Final = re.compile(rb'"(?:\\[nrt]|\s)*(?:\[(?:\\[nrt]|\s)*)?\{(?:\\[nrt]|\s)*\\"')
_MAX_START: Final = 1_000
# The content of a JSON text up to its end, or up to an escape that may continue: the first half of a surrogate pair is
# only complete with what follows it.
_CONTENT: Final = re.compile(
    rb'(?:[^"\\]++|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}|'
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[0-9a-fA-F]{4}|(?=[^\\])|(?=\\[^u])))*+"
)
_MAX_ESCAPE_BYTES: Final = 12


class Transcoder(Protocol):
    """A conversion of bytes that arrive in chunks."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what the next bytes stand for, as far as they are complete."""

    def finish(self) -> bytes:
        """Return what the remaining bytes stand for."""


class Utf16Decoder:
    """A conversion of UTF-16 to UTF-8; characters that are broken become U+FFFD."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def feed(self, chunk: bytes) -> bytes:
        """Return the next characters."""
        return self._decoder.decode(chunk).encode("utf-8", "replace")

    def finish(self) -> bytes:
        """Return the rest."""
        return self._decoder.decode(b"", final=True).encode("utf-8", "replace")


class TextDecoder:
    """The content of JSON texts, one after another, that hold JSON. What is between them is kept."""

    def __init__(self) -> None:
        self._rest = b""
        self._inside = False

    def feed(self, chunk: bytes) -> bytes:
        """Return the content of the texts as far as it is complete."""
        data, found, start = self._rest + chunk, [], 0
        while start < len(data):
            if not self._inside:
                quote = data.find(b'"', start)
                end = quote if quote >= 0 else len(data)
                found.append(data[start:end])
                start, self._inside = end + 1, quote >= 0
                continue
            content = _CONTENT.match(data, start)
            end = content.end() if content else start
            found.append(_unescape(data[start:end]))
            start = end
            if data[end : end + 1] == b'"':
                start, self._inside = end + 1, False
            elif len(data) - end < _MAX_ESCAPE_BYTES:
                break
            else:  # no JSON: a backslash that begins no escape
                found.append(data[end : end + 1])
                start = end + 1
        self._rest = data[start:]
        return b"".join(found)

    def finish(self) -> bytes:
        """Return the rest of a text that is not closed."""
        return self._rest


def _unescape(content: bytes) -> bytes:
    """Return the content of a JSON text; bytes that are not UTF-8 are kept."""
    if b"\\" not in content:
        return content
    text: str = json.loads(f'"{content.decode("utf-8", "surrogateescape")}"', strict=False)
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which is a fault of its row
        return text.encode("utf-8", "surrogatepass")


def find_transcoder(head: bytes) -> tuple[Transcoder, Finding] | None:
    """Return the conversion that a file needs, and the remark that says so; None if it needs none.

    Args:
        head: The first bytes of the file, without the byte order mark of UTF-8.
    """
    encoding = next((name for mark, name in _UTF16 if head.startswith(mark)), "")
    if not encoding and len(head) >= 4 and b"\x00" in head[:4]:
        nulls = [place for place in range(4) if not head[place]]
        encoding = "utf-16-le" if nulls == [1, 3] else "utf-16-be" if nulls == [0, 2] else ""
    if encoding and not head.startswith(_UTF32):
        return Utf16Decoder(encoding), fault(
            "UTF16_READ",
            "The file is UTF-16 text and is read as such.",
            "Nothing needs to be done; save it as UTF-8 to avoid this remark.",
            severity=Severity.INFO,
        )
    if _ENCODED.match(head.lstrip()[:_MAX_START]):
        return TextDecoder(), fault(
            "ENCODED_TWICE",
            "The file is a JSON text that holds JSON; it is decoded twice.",
            "Nothing needs to be done; write the JSON once, without quotes around it, to avoid this remark.",
            severity=Severity.INFO,
        )
    return None
