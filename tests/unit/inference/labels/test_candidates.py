from __future__ import annotations

import gc
import random
import tracemalloc

import pytest

from factories.serving import DEPARTMENTS
from factories.tiny_models import tiny_model
from foreword.errors import CancelledError, InvalidArgumentError
from foreword.inference.labels import candidates as module
from foreword.inference.labels.candidates import Candidates, check_label_characters, estimate_label_tokens
from foreword.inference.runner import ModelRunner
from foreword.plugin.interfaces import LabelSpace
from foreword.turns.cancellation import CancellationToken, cancellable

WORDS = ("order", "refund", "delay", "package", "broken", "phone", "service", "invoice", "warranty", "screen")


def space_of(count: int, characters: int, **fields) -> LabelSpace:
    """Return a space of different labels of this length."""
    generator = random.Random(0)
    labels = dict.fromkeys(
        " ".join(generator.choice(WORDS) for _ in range(characters))[:characters].strip() for _ in range(2 * count)
    )
    values = {"separator": ", ", "multi_label": False, "label_sets": (), **fields}
    return LabelSpace(labels=tuple(labels)[:count], **values)


def letters(texts) -> list[list[int]]:
    """Return a token for each letter, and an end token."""
    return [[*map(ord, text), 0] for text in texts]


def test_labels_with_too_many_tokens_are_refused_with_the_limit_the_total_and_the_remedy(monkeypatch):
    monkeypatch.setattr(module, "MAX_LABEL_TOKENS", 20)
    space = LabelSpace(labels=("twelve chars", "and others"), separator=", ", multi_label=False, label_sets=())
    with pytest.raises(InvalidArgumentError) as caught:
        Candidates(space, letters)
    [violation] = caught.value.violations
    assert (violation.field, caught.value.reason) == ("labels", "LABELS_TOO_LONG")
    for part in ("have 24 tokens", "more than the 20 tokens", "use fewer or shorter labels"):
        assert part in violation.description


def test_labels_with_far_too_many_characters_are_refused_before_they_are_tokenized(monkeypatch):
    monkeypatch.setattr(module, "MAX_LABEL_TOKENS", 2)
    calls = []
    space = LabelSpace(labels=("x" * 65,), separator=", ", multi_label=False, label_sets=())
    with pytest.raises(InvalidArgumentError, match="have 65 characters together, which make more than the 2 tokens"):
        Candidates(space, calls.append)
    with pytest.raises(InvalidArgumentError):
        check_label_characters(space)
    assert not calls


def test_label_sets_are_added_in_their_order_while_they_fit(monkeypatch):
    monkeypatch.setattr(module, "MAX_LABEL_TOKENS", 20)
    space = LabelSpace(
        labels=("a", "b", "c"), separator=", ", multi_label=True, label_sets=(("a", "c"), ("a", "b"), ("b", "c"))
    )
    found = Candidates(space, letters)
    assert set(found.sets) == {("a",), ("b",), ("c",), ("a", "c"), ("a", "b")}


def test_label_sets_that_one_pass_cannot_read_are_left_out(monkeypatch):
    monkeypatch.setattr(module, "MAX_SET_TOKENS", 5)
    space = LabelSpace(
        labels=("a", "b", "c"), separator=", ", multi_label=True, label_sets=(("a", "b", "c"), ("a", "b"))
    )
    assert ("a", "b", "c") not in Candidates(space, letters).sets
    assert ("a", "b") in Candidates(space, letters).sets


def test_many_labels_are_tokenized_in_few_calls():
    calls: list[int] = []

    def encode(texts):
        calls.append(len(texts))
        return letters(texts)

    Candidates(space_of(600, 20), encode)
    assert calls == [256, 256, 88]


def test_nothing_is_tokenized_for_a_caller_that_has_gone():
    token, calls = CancellationToken(), []

    def encode(texts):
        calls.append(texts)
        token.cancel()
        return letters(texts)

    with cancellable(token), pytest.raises(CancelledError):
        Candidates(space_of(600, 20), encode)
    assert len(calls) == 1


@pytest.mark.parametrize("shape", ["bart", "t5"])
@pytest.mark.parametrize("space", [DEPARTMENTS, space_of(40, 20), space_of(300, 100)], ids=["sets", "short", "long"])
def test_the_estimate_before_tokenizing_is_not_below_the_tokens_and_not_far_above(shape, space):
    counted = ModelRunner(tiny_model(shape)).candidates(space)
    tokens = sum(counted.counts().values())
    assert tokens <= estimate_label_tokens(space) <= 3 * tokens


def test_the_estimate_leaves_room_for_others_in_the_queue():
    assert estimate_label_tokens(space_of(1000, 200)) == module.MAX_LABEL_TOKENS // 2


@pytest.mark.parametrize("shape", ["bart", "t5"])
def test_the_byte_size_is_the_memory_that_the_answers_take(shape):
    runner = ModelRunner(tiny_model(shape))
    runner.make_candidates(DEPARTMENTS)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    found = runner.make_candidates(space_of(1000, 200))
    gc.collect()
    python_bytes = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    tensors = sum(part.byte_size for part in found.parts)
    # Tensors have storage that is not Python's, and objects around it that are.
    assert found.byte_size <= python_bytes + tensors <= 2 * found.byte_size
    assert found.byte_size < 4 * 2**20
