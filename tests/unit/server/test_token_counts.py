from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from factories.serving import TinyBaseModel
from foreword.server.token_counts import TokenCounters


class SlowTokenizer(TinyBaseModel):
    """A model whose tokenizer loads only after the test releases it."""

    def __init__(self) -> None:
        super().__init__("bart")
        self.begun, self.released = threading.Event(), threading.Event()
        self.fetched = 0

    def load_tokenizer(self):
        self.fetched += 1
        self.begun.set()
        assert self.released.wait(10)
        return super().load_tokenizer()


def test_a_tokenizer_that_is_slow_to_fetch_holds_up_no_other_model():
    counters, slow = TokenCounters(), SlowTokenizer()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(counters.counter, slow) for _ in range(2)]
        assert slow.begun.wait(10)
        try:
            count = threads.submit(counters.counter, TinyBaseModel("t5")).result(5)
        finally:
            slow.released.set()

        assert count("Two screws are missing.") > 0
        assert waiting[0].result(5) is waiting[1].result(5)
    assert slow.fetched == 1
