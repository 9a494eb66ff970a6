"""Detection of the end of the parent process: the pipe between them closes in every case."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def when_stdin_closes(call: Callable[[], object]) -> None:
    """Call `call` from a separate thread once standard input has closed."""

    def wait() -> None:
        # Not `sys.stdin.read`: it would hold the lock of the stream when the interpreter exits, which is a fatal error.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        call()

    threading.Thread(target=wait, name="parent", daemon=True).start()
