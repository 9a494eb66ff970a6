"""Translation of driver errors of an unavailable or full artifact store to one error that callers can retry."""

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
"""Errors that mean that a file does not exist; they do not mean that the store is unavailable."""

_LOG_PAUSE_SECONDS = 60.0
_log = get_logger("artifacts")
_logged: dict[str, float] = {}


@contextmanager
def translate_outages() -> Iterator[None]:
    """Translate the OSError of a store to UnavailableError, as a context manager or decorator.

    Raises:
        UnavailableError: The store is unreachable, read-only or full. The log has the cause.
    """
    try:
        yield
    except MISSING:
        raise
    except OSError as error:
        _log_cause(error)
        cause, remedy = error.strerror or type(error).__name__, "the write permissions and the free space"
        raise UnavailableError(
            f"The artifact store cannot be used ({cause}). Try again; if the problem persists, check artifacts_url, "
            f"{remedy}.",
            reason="ARTIFACT_STORE_UNAVAILABLE",
            operator_message=f"The artifact store cannot be used ({error}). Check FOREWORD_ARTIFACTS_URL, {remedy}.",
        ) from error


def _log_cause(error: OSError) -> None:
    """Log why a store failed, at most once a minute for the same cause, because every request fails in an outage."""
    # The key does not include the path, because each temporary file has a new name.
    cause = f"{type(error).__name__} {error.errno}" if error.errno is not None else str(error)
    now = time.monotonic()
    if now - _logged.get(cause, float("-inf")) >= _LOG_PAUSE_SECONDS:
        _logged.clear()
        _logged[cause] = now
        # The cause contains paths and hosts, which only the operator should see.
        _log.warning("artifact_store_failed", error=str(error))


def as_os_error(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call an fsspec driver and translate every error to OSError. Drivers raise the errors of the libraries they use.

    Raises:
        OSError: The call failed; a subclass of MISSING means that the file does not exist.
    """
    try:
        return call(*args, **kwargs)
    except OSError:
        raise
    except Exception as error:  # third-party code, which raises its own exceptions
        raise OSError(f"{type(error).__name__}: {error}") from error
