from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from foreword.errors import InternalError, UnavailableError
from foreword.inference.engine.thread import EngineThread
from foreword.inference.engine.token_budget import TokenBudget


@pytest.fixture
def thread() -> Iterator[EngineThread]:
    started = EngineThread(TokenBudget(100), num_threads=None)
    started.start(lambda: None)
    yield started
    started.stop()


def test_a_call_runs_on_the_engine_s_thread_and_returns_whatever_its_function_returns(thread: EngineThread):
    name = thread.call(lambda: threading.current_thread().name).result(60)
    nothing = thread.call(lambda: None).result(60)

    assert name == "foreword-engine"
    assert nothing is None


def test_a_failed_call_affects_only_its_caller(thread: EngineThread):
    def failing() -> None:
        raise RuntimeError("device")

    failed = thread.call(failing)

    with pytest.raises(InternalError):
        failed.result(60)
    assert thread.call(lambda: "next").result(60) == "next"


def test_a_thread_that_was_stopped_takes_no_calls(thread: EngineThread):
    thread.stop()

    with pytest.raises(UnavailableError):
        thread.call(lambda: None)
