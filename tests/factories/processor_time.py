"""Processor time of a few lines of Python in a new interpreter, to compare with that of a reference."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

STANDARD_LIBRARY: Final = """
import asyncio, decimal, email.message, http.client, json, logging, sqlite3, ssl, unittest, urllib.request
import xml.dom.minidom
"""
"""A reference: the import of some modules that every Python has."""


def processor_seconds(code: str) -> float:
    """Return the processor time of some code, the best of three: a busy machine makes it longer."""
    timed = (
        f"import sys, time; begin = time.process_time()\n{code}\nprint(time.process_time() - begin, file=sys.stderr)"
    )
    runs = [subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True) for _ in range(3)]
    return min(float(run.stderr) for run in runs)
