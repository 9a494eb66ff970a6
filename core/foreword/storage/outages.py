"""An artifact store that is away or full: whatever its driver raises becomes one error, worth trying again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger

P = ParamSpec("P")
T = TypeVar("T")

MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""Errors that mean that there is no such file; they say nothing about the health of the store."""

_LOG_PAUSE_SECONDS = 60.0
_log = get_logger("artifacts")
_logged: dict[str, float] = {}


@contextmanager
def translate_outages() -> Iterator[None]:
    """Turn the OSError of a store into an UnavailableError. A context manager and a decorator.

    Raises:
        UnavailableError: The store cannot be reached, refuses to write, or is full. The log has the cause.
    """
    try:
        yield
    except MISSING:
        raise
    except OSError as error:
        _log_cause(error)
        cause, remedy = error.strerror or type(error).__name__, "the rights to write there and the space that is left"
        raise UnavailableError(
            f"The artifact store cannot be used ({cause}). Try again; if it lasts, check artifacts_url, {remedy}.",
            reason="ARTIFACT_STORE_UNAVAILABLE",
            operator_message=f"The artifact store cannot be used ({error}). Check FOREWORD_ARTIFACTS_URL, {remedy}.",
        ) from error


def _log_cause(error: OSError) -> None:
    """Log why a store failed, the same cause once a minute: each request meets it while the outage lasts."""
    # By its kind and not its path: temporary files have a new name each time.
    cause = f"{type(error).__name__} {error.errno}" if error.errno is not None else str(error)
    now = time.monotonic()
    if now - _logged.get(cause, float("-inf")) >= _LOG_PAUSE_SECONDS:
        _logged.clear()
        _logged[cause] = now
        # The cause names paths and hosts, which are the operator's business and not a tenant's.
        _log.warning("artifact_store_failed", error=str(error))


def as_os_error(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a driver of fsspec. Drivers raise what the libraries beneath them raise; here it becomes OSError.

    Raises:
        OSError: The call failed; a subclass of MISSING says that there is no such file.
    """
    try:
        return call(*args, **kwargs)
    except OSError:
        raise
    except Exception as error:  # foreign code, with exceptions of its own kinds
        raise OSError(f"{type(error).__name__}: {error}") from error
