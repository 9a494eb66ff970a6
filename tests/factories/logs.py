"""The logging of tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


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
