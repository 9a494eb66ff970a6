"""Logging of gRPC that cannot stop a process."""

from __future__ import annotations

import logging


def log_no_debug_messages() -> None:
    """Keep gRPC's compiled module from logging at the level DEBUG, whatever the levels are.

    It logs such a message at the begin of a call while it holds a lock that the finalizers of its objects need as well,
    and Python's logging takes a lock of its own when a logger is first asked for a level. If another thread holds that
    one, because it makes a logger while it imports a module, and a garbage collection begins there, its finalizers wait
    for gRPC's lock while the event loop, which has it, waits for that of logging: the process stops for ever.
    """
    logging.getLogger("grpc._cython.cygrpc").debug = _ignore  # type: ignore[method-assign]


def _ignore(*_: object, **__: object) -> None:
    pass
