import threading

import pytest

from foreword.errors import InvalidArgumentError
from foreword.watsonx.text_generation import in_parallel


def test_results_keep_the_order_and_no_more_than_the_limit_run_at_a_time():
    running, most, lock, both = 0, 0, threading.Lock(), threading.Barrier(2, timeout=10)

    def call(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait()  # would break if two never ran together
        with lock:
            running -= 1
        return number * 10

    assert in_parallel(call, range(8), 2) == [number * 10 for number in range(8)]
    assert most == 2


def test_after_a_failure_nothing_new_begins():
    begun = []

    def call(number):
        begun.append(number)
        if number == 1:
            raise InvalidArgumentError.of("prompt", "is too long")
        return number

    with pytest.raises(InvalidArgumentError, match="too long"):
        in_parallel(call, range(1000), 1)
    assert begun == [0, 1]


def test_a_limit_below_one_is_refused_and_no_items_need_no_thread():
    with pytest.raises(InvalidArgumentError, match="concurrency_limit"):
        in_parallel(str, [1], 0)
    assert in_parallel(str, [], 3) == []
