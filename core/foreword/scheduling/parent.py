"""Ends a child process with its parent, however that ends: the pipe between them closes in every case."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def when_stdin_closes(call: Callable[[], object]) -> None:
    """Calls `call`, from a thread of its own, once standard input has closed."""

    def wait() -> None:
        # Not `sys.stdin.read`: it would hold the stream's lock when the interpreter ends, which is a fatal error.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        call()

    threading.Thread(target=wait, name="parent", daemon=True).start()
