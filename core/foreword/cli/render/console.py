"""Output: results go to standard output, everything else to standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

_WIDTH_OF_A_FILE = 120
# Characters that a terminal obeys instead of showing them: controls, and changes of the direction of text. They are
# left out, because tables are laid out for their width, which is 0.
_OBEYED = {
    code: None
    for code in (*range(0x20), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}


class _Console(Console):
    """A console that shows texts of users, such as labels of a file, without the control characters in them."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of something to print."""
        for segment in super().render(renderable, options):
            if segment.control is None and not segment.text.isprintable():
                segment = Segment(segment.text.translate(_OBEYED), segment.style)
            yield segment


def out_console() -> Console:
    """Return the console for results. If it is not a terminal, it is wide, so that files are not cut."""
    wide = None if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    return _Console(width=wide, highlight=False, markup=False, emoji=False)


def err_console() -> Console:
    """Return the console for progress and remarks."""
    wide = None if sys.stderr.isatty() else _WIDTH_OF_A_FILE
    return _Console(stderr=True, width=wide, highlight=False, markup=False, emoji=False)


def print_json(value: Any) -> None:
    """Print a result of the client as JSON: objects, times in ISO 8601, spans in seconds, enums by value."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: Any) -> Any:
    """Return a result of the client as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value
