"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import structlog
from hypothesis import HealthCheck, settings

from foreword.cli.threads import let_idle_threads_sleep

# Before anything imports torch: scenarios run a server, a worker and the tests on the same processors.
let_idle_threads_sleep()

# The suite draws the same examples in every run, so that a failure concerns the change at hand. The long runs draw
# others each time, and more of them. Neither measures how long an example takes: that depends on the machine's load.
_ANY_SPEED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, database=None, max_examples=100, **_ANY_SPEED)
settings.register_profile("soak", derandomize=False, database=None, max_examples=2_000, print_blob=True, **_ANY_SPEED)
settings.load_profile("suite")

# structlog's default tracebacks show local variables. Rendering those of a model takes seconds, and engines log faults
# while a test waits for them.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_configure(config: pytest.Config) -> None:
    """Loads the profile of the long runs before any test module is imported."""
    if _is_long(config):
        settings.load_profile("soak")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: Iterable[pytest.Item]) -> None:
    """Counts property tests among the long runs."""
    if _is_long(config):
        for item in items:
            if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
                item.add_marker("soak")


def _is_long(config: pytest.Config) -> bool:
    chosen: str = config.option.markexpr
    return "soak" in chosen and "not soak" not in chosen
