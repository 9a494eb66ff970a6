"""Configuration for all tests."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

from factories.hang_watch import HangWatch, show_main_thread_on_request
from factories.logs import log_briefly
from foreword.cli.threads import let_idle_threads_sleep

# This runs before anything imports torch: scenarios run a server, a worker and the tests on the same processors.
let_idle_threads_sleep()
# One thread for torch, also in processes that tests start: all processors are busy, so that more threads only wait for
# each other. Started processes find the compiled code of the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The suite draws the same examples in every run, so that a failure is due to the current change. The long runs draw
# different examples each time, and more of them. Neither limits the time of an example, which depends on the load.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, database=None, max_examples=100, **_ANY_SPEED)
settings.register_profile("soak", derandomize=False, database=None, max_examples=2_000, print_blob=True, **_ANY_SPEED)
settings.load_profile("suite")

log_briefly()

# More than the limits of `pyproject.toml`, which end a hang that allows it with more detail.
_HANG_SECONDS = 720.0
_LONGEST_FIRST = ("tests/scenario/", "tests/integration/")


def pytest_configure(config: pytest.Config) -> None:
    """Load the profile of the long runs before any test module is imported, and end a run that hangs."""
    if _is_long(config):
        settings.load_profile("soak")
    show_main_thread_on_request()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(HangWatch(float("inf") if _is_long(config) else _HANG_SECONDS))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest files first, and include property tests in the long runs."""
    # A long file at the end would leave the other processes without work.
    items.sort(key=_place)
    if _is_long(config):
        for item in items:
            if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
                item.add_marker("soak")


def _place(item: pytest.Item) -> int:
    places = (place for place, folder in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(folder))
    return next(places, len(_LONGEST_FIRST))


def _is_long(config: pytest.Config) -> bool:
    chosen: str = config.option.markexpr
    return "soak" in chosen and "not soak" not in chosen
