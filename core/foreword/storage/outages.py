"""An artifact store that is away or full: whatever its driver raises becomes one error, worth trying again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from foreword.errors import UnavailableError
from foreword.observability.logging import get_logger

P = ParamSpec("P")
T = TypeVar("T")

MISSING = (FileNotFoundError, NotADirectoryError, IsADirectoryError, FileExistsError)
"""Errors that mean that there is no such file; they say nothing about the health of the store."""

_log = get_logger("artifacts")


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
        # The cause names paths and hosts, which are the operator's business and not a tenant's.
        _log.warning("artifact_store_failed", exc_info=True)
        raise UnavailableError(
            f"The artifact store cannot be used ({error.strerror or type(error).__name__}). Try again; if it lasts, "
            "check artifacts_url, the rights to write there and the space that is left.",
            reason="ARTIFACT_STORE_UNAVAILABLE",
        ) from error


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
