from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from factories.serving import TinyBaseModel
from foreword.plugin.encoding import encode_input
from foreword.server.plans.token_counts import MOST_CHARACTERS, TokenCounters


class SlowTokenizer(TinyBaseModel):
    """A model whose tokenizer loads only after the test releases it."""

    def __init__(self) -> None:
        super().__init__("bart")
        self.begun, self.released = threading.Event(), threading.Event()
        self.fetched = 0

    def load_tokenizer(self):
        self.fetched += 1
        self.begun.set()
        assert self.released.wait(120)
        return super().load_tokenizer()


def test_a_tokenizer_that_is_slow_to_fetch_holds_up_no_other_model():
    counters, slow = TokenCounters(), SlowTokenizer()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(counters.counter, slow) for _ in range(2)]
        assert slow.begun.wait(60)
        try:
            count = threads.submit(counters.counter, TinyBaseModel("t5")).result(60)
        finally:
            slow.released.set()

        assert count("Two screws are missing.") > 0
        assert waiting[0].result(60) is waiting[1].result(60)
    assert slow.fetched == 1


class NotingTokenizer:
    """A tokenizer that notes the lengths of the texts that it is given."""

    def __init__(self, tokenizer) -> None:
        self._tokenizer = tokenizer
        self.lengths = []

    def __call__(self, text, **options):
        self.lengths.append(len(text))
        return self._tokenizer(text, **options)

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)


class NotingModel(TinyBaseModel):
    """A model with such a tokenizer."""

    def __init__(self) -> None:
        super().__init__("bart")
        self.tokenizer = NotingTokenizer(super().load_tokenizer())

    def load_tokenizer(self):
        return self.tokenizer


def test_a_long_text_is_counted_in_pieces():
    model = NotingModel()
    count = TokenCounters().counter(model)
    text = "Two screws are missing. " * 10_000

    found, unbroken = count(text), count("x" * 200_000)

    assert max(model.tokenizer.lengths) <= MOST_CHARACTERS
    assert found == pytest.approx(len(encode_input(model.tokenizer, text)), abs=len(text) / MOST_CHARACTERS)
    assert unbroken > 2
