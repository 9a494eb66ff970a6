"""Line ends and blank lines in the bytes of a file."""

from __future__ import annotations

import re
from typing import Final

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What some programs write at the start of UTF-8 text."""

LINE_END: Final = re.compile(rb"\r\n|\n|\r")
"""Matches bytes: unlike with str.splitlines, U+2028 and similar characters in a text do not end a line."""

BLANK_LINES: Final = re.compile(rb"(?:[ \t\v\f]*+(?:\r\n|\n|\r(?=[^\n])))++")
"""Blank lines with their ends. A CR at the end of the bytes does not match, because an LF may follow it."""


def count_line_ends(raw: bytes) -> int:
    """Return the number of line ends: LF, CR, and CR with LF as one."""
    return raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
