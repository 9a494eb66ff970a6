"""Structured logs: static event names, never prompts, texts, tokens or keys."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from foreword.observability.library_logs import GrpcFilter, JsonFormatter, RedactingFormatter
from foreword.redaction import SECRET, is_secret_name, redact


def configure(level: str = "info", format: str = "auto") -> None:
    """Set up logging for this process; everything goes to standard error, without secrets.

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
        processors=[*shared, _hide_named_secrets, *renderer, _redact_line],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(logging.BASIC_FORMAT) if console else JsonFormatter())
    handler.addFilter(GrpcFilter())
    logging.basicConfig(level=max(logging.WARNING, getattr(logging, level.upper())), handlers=[handler])


def get_logger(name: str) -> Any:
    """Return a logger that adds the name of a component to every line."""
    # Not `.bind`: it would freeze the current configuration, and modules create their loggers on import.
    return structlog.get_logger(component=name)


def _hide_named_secrets(_logger: Any, _method: str, fields: Any) -> Any:
    """Replace the values of fields whose names say that they are secret."""
    return {name: SECRET if is_secret_name(name) else value for name, value in fields.items()}


def _redact_line(_logger: Any, _method: str, line: Any) -> str:
    """Remove secrets from a finished line, since any text may contain one, such as that of an exception."""
    return redact(line)
