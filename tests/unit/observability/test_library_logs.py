"""Log lines of libraries."""

from __future__ import annotations

import json
import logging
import sys

from foreword.observability.library_logs import JsonFormatter


def test_an_entry_is_one_line_whatever_it_holds() -> None:
    forged = 'x\n{"component": "auth", "event": "forged", "level": "error"}\n'
    try:
        raise ValueError(forged)
    except ValueError:
        entry = logging.LogRecord("asyncio", logging.ERROR, "", 0, "Lost: %s", (forged,), sys.exc_info())

    line = JsonFormatter().format(entry)

    assert "\n" not in line
    found = json.loads(line)
    assert (found["component"], found["level"], found["event"]) == ("asyncio", "error", f"Lost: {forged}")
    assert "ValueError" in found["exception"]
    assert found["timestamp"].endswith("Z")


def test_secrets_are_removed() -> None:
    entry = logging.LogRecord("grpc", logging.ERROR, "", 0, "authorization: Bearer fw_0123456789abcdef0123", (), None)

    assert "0123456789abcdef" not in JsonFormatter().format(entry)
