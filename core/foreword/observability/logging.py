"""Structured logs: static event names, never prompts, texts, tokens or keys."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(level: str = "info", format: str = "auto") -> None:
    """Set up logging for this process; everything goes to standard error.

    Args:
        level: Minimum log level: `debug`, `info`, `warning` or `error`.
        format: `console`, `json`, or `auto`: console on a terminal, JSON elsewhere.
    """
    console = format == "console" or (format == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Any] = (
        # Not the default tracebacks, which show local variables, including texts and keys.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=max(logging.WARNING, getattr(logging, level.upper())), stream=sys.stderr)


def get_logger(name: str) -> Any:
    """Return a logger that adds the name of a component to every line."""
    # Not `.bind`: it would freeze the current configuration, and modules create their loggers on import.
    return structlog.get_logger(component=name)
