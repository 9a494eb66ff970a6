"""Ctrl-C while a command runs."""

from __future__ import annotations

import subprocess
import sys
import time

PROGRAM = """
import signal, time
from foreword.cli import application

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        time.sleep(0)

def command(*_, **__):
    Finalized()
    print("The finalizer has ended.", flush=True)
    time.sleep(30)

application.application.main = command
application.main([])
"""


def test_ctrl_c_ends_a_command_even_if_python_ignores_it_in_a_finalizer() -> None:
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout == "The finalizer has ended.\n"
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")
    assert time.monotonic() - began < 25
