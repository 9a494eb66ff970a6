"""How threads of a service share the interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from foreword.cli.threads import change_threads_often


@pytest.fixture(autouse=True)
def usual_interval() -> Iterator[None]:
    former = sys.getswitchinterval()
    sys.setswitchinterval(0.005)
    yield
    sys.setswitchinterval(former)


def test_a_thread_waits_for_the_interpreter_for_less_than_a_millisecond():
    change_threads_often()
    assert sys.getswitchinterval() < 0.001
