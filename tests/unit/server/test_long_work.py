"""Threads for work that takes long."""

from __future__ import annotations

import threading

import structlog

from foreword.server.long_work import LongWork


async def test_what_runs_there_logs_under_the_request_of_its_caller():
    work = LongWork("long")
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logged = await work.run(structlog.contextvars.get_contextvars)
    work.close()

    assert logged["request_id"] == "r-1"


async def test_it_runs_in_threads_of_its_own():
    work = LongWork("long")
    thread = await work.run(threading.current_thread)
    work.close()

    assert thread.name.startswith("long")
