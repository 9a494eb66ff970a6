"""Output: results go to standard output, everything else to standard error."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum, IntEnum
from typing import Any

from rich.console import Console

_WIDTH_OF_A_FILE = 120


def out_console() -> Console:
    """Return the console for results. If it is not a terminal, it is wide, so that files are not cut."""
    return Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE, highlight=False, markup=False, emoji=False)


def err_console() -> Console:
    """Return the console for progress and remarks."""
    wide = None if sys.stderr.isatty() else _WIDTH_OF_A_FILE
    return Console(stderr=True, width=wide, highlight=False, markup=False, emoji=False)


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
