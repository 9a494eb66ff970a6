"""The logging of tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import structlog
from structlog.testing import capture_logs


def log_briefly() -> None:
    """Configure structlog's default logging, but without the values of local variables in tracebacks.

    Rendering those of a model takes seconds, and engines log faults while a test waits for them.
    """
    structlog.reset_defaults()
    processors = structlog.get_config()["processors"]
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors[:-1], renderer])


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Put logging back afterwards: commands send it to the standard error of the moment, which ends with the test."""
    handlers = list(logging.getLogger().handlers)
    try:
        yield
    finally:
        logging.getLogger().handlers[:] = handlers
        log_briefly()


def captured_logs() -> AbstractContextManager[list[Any]]:
    """Collect what is logged, without what the watchdogs of event loops log.

    Services that other tests of the process share are watched too, and see the pauses of this test.
    """
    return capture_logs(processors=[_without_watchdogs])


def _without_watchdogs(logger: object, method: str, event: Any) -> Any:
    if event["event"] == "event_loop_held":
        raise structlog.DropEvent
    return event
