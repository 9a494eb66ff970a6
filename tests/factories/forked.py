"""Processes that tests kill: forked from one that has imported what takes long, in milliseconds instead of seconds."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest

_TESTS = str(Path(__file__).parents[1])
_IMPORTS = [
    "pytest",
    "psycopg",
    "fsspec.implementations.local",
    "foreword_slack.app",
    "factories.tuning_process",
    "factories.killed_processes",
]
"""One list for all tests: there is one clean process, and its list is read when it starts."""


def fork_context() -> ForkServerContext:
    """Return the context whose processes are forked, and start the clean process before the first of them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTS)
    with pytest.MonkeyPatch.context() as patch:
        # Python below 3.13 does not give it our path, and leaves out what it cannot import without a word.
        patch.setenv("PYTHONPATH", _TESTS, prepend=os.pathsep)
        ensure_running()
    return context
