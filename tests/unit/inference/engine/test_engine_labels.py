"""Closed tasks with many labels: their cost is known before, and others use the engine between their passes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from factories.near_ties import same_order
from factories.serving import (
    DEPARTMENTS,
    LONG,
    SENTIMENT,
    TinyBaseModel,
    answer,
    make_request,
    paused,
    queued,
    running_engine,
    settled,
)
from factories.tiny_models import tiny_model
from foreword.errors import DeadlineExceededError, ExhaustedError, InternalError, InvalidArgumentError
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.engine.engine import InferenceEngine
from foreword.inference.engine.model_scheduler import ModelScheduler
from foreword.inference.labels import candidates, label_trie
from foreword.inference.labels.candidates import Candidates
from foreword.inference.labels.scoring import Scoring
from foreword.inference.runner import ModelRunner, TextRow
from foreword.plugin.interfaces import LabelSpace

MANY = LabelSpace(
    labels=tuple(f"number {number} of the list" for number in range(40)),
    separator=", ",
    multi_label=False,
    label_sets=(),
)


@pytest.fixture(autouse=True)
def _small_trees(monkeypatch):
    """Make trees small, so that few labels take many passes."""
    monkeypatch.setattr(label_trie, "MAX_NODES", 12)


@contextlib.contextmanager
def before_pass(number: int, action: Callable[[], object]) -> Iterator[None]:
    """Run an action on the engine's thread before this pass over candidates, counted from 0."""
    run, left = Scoring.run, [number]

    def counted(self: Scoring, places: object) -> object:
        if left[0] == 0:
            action()
        left[0] -= 1
        return run(self, places)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scoring, "run", counted)
        yield


@contextlib.contextmanager
def held_before_pass(number: int) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Hold the engine's thread before this pass; yields an event that is set then, and one that releases it."""
    held, released = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        released.wait(60)

    with before_pass(number, hold):
        try:
            yield held, released
        finally:
            released.set()


async def classify_in_turns(engine: InferenceEngine, tenant: str, space: LabelSpace, done: list[str]) -> object:
    found = await engine.classify(make_request("Where is it?", tenant=tenant, label_space=space))
    done.append(tenant)
    return found


async def test_many_labels_leave_the_engine_to_another_tenant_between_their_passes():
    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        done: list[str] = []
        with held_before_pass(2) as (held, released):
            large = asyncio.create_task(classify_in_turns(engine, "greedy", MANY, done))
            assert await asyncio.to_thread(held.wait, 10)
            small = asyncio.create_task(classify_in_turns(engine, "modest", SENTIMENT, done))
            await queued(engine, 1)
            released.set()
            await asyncio.gather(large, small)
        await settled(engine)
    assert done == ["modest", "greedy"]


async def test_many_labels_leave_the_engine_to_running_answers_between_their_passes(monkeypatch):
    order: list[str] = []
    run, step = Scoring.run, DecodeBatch.step
    monkeypatch.setattr(Scoring, "run", lambda self, places: (order.append("pass"), run(self, places))[1])
    monkeypatch.setattr(DecodeBatch, "step", lambda self: (order.append("token"), step(self))[1])
    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        async with paused(engine):
            asked = [
                asyncio.create_task(answer(engine, "Story", parameters=LONG)),
                asyncio.create_task(engine.classify(make_request("Where is it?", label_space=MANY))),
            ]
            await queued(engine, 2)
        await asyncio.gather(*asked)
    assert order.count("pass") > 10
    last = len(order) - order[::-1].index("pass")
    assert "passpass" not in "".join(order[:last])


async def test_a_turn_reads_one_pass_of_a_request_with_many_labels(monkeypatch):
    turns: list[int] = []
    turn, run = ModelScheduler.turn, Scoring.run

    def counted_turn(self):
        turns.append(0)
        turn(self)

    def counted_run(self, places):
        turns[-1] += sum(self.next_tokens(place) for place in places)
        run(self, places)

    monkeypatch.setattr(ModelScheduler, "turn", counted_turn)
    monkeypatch.setattr(Scoring, "run", counted_run)
    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        async with paused(engine):
            asked = [
                asyncio.create_task(engine.classify(make_request("It", tenant=tenant, label_space=MANY)))
                for tenant in ("acme", "beta", "cafe")
            ]
            await queued(engine, 3)
        await asyncio.gather(*asked)
    parts = ModelRunner(tiny_model("bart")).candidates(MANY).parts
    assert len([tokens for tokens in turns if tokens]) == 3 * len(parts)
    assert max(turns) <= 12 + 1 + 4, "the nodes of a tree, its root and the input"


@pytest.mark.parametrize("shape", ["bart", "t5", "llama"])
@pytest.mark.parametrize("space", [MANY, DEPARTMENTS], ids=["many", "several"])
async def test_the_result_is_that_of_a_request_alone(shape, space):
    runner = ModelRunner(tiny_model(shape))
    texts = [f"Where is number {number}?" for number in range(4)]
    alone = [runner.score_label_sets([TextRow(text=text)], space)[0] for text in texts]
    async with running_engine(TinyBaseModel(shape), prefill_tokens=16) as engine:
        await engine.preload(f"tiny--{shape}")
        async with paused(engine, f"tiny--{shape}"):
            asked = [
                asyncio.create_task(
                    engine.classify(
                        make_request(text, tenant=f"t{number % 2}", base_model=f"tiny--{shape}", label_space=space)
                    )
                )
                for number, text in enumerate(texts)
            ]
            await queued(engine, len(asked))
        found = await asyncio.gather(*asked)
    for one, other in zip(alone, found, strict=True):
        log_probs = dict(zip(one.sets, one.log_probs, strict=True))
        assert same_order([item.labels for item in other.label_sets], log_probs)
        assert [item.probability for item in other.label_sets] == pytest.approx(one.probabilities, abs=1e-4)


async def test_a_caller_that_leaves_between_two_passes_ends_the_scoring(monkeypatch):
    passes = []
    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        with held_before_pass(2) as (held, released):
            run = Scoring.run
            monkeypatch.setattr(Scoring, "run", lambda self, places: (passes.append(1), run(self, places))[1])
            large = asyncio.create_task(engine.classify(make_request("Where is it?", label_space=MANY)))
            assert await asyncio.to_thread(held.wait, 10)
            large.cancel()
            await asyncio.gather(large, return_exceptions=True)
            released.set()
            await settled(engine)
            monkeypatch.undo()
    assert len(passes) == 3


async def test_a_deadline_that_passes_between_two_passes_ends_the_scoring():
    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        with before_pass(2, lambda: time.sleep(0.3)), pytest.raises(DeadlineExceededError):
            await engine.classify(make_request("Where is it?", label_space=MANY, deadline=time.monotonic() + 0.25))
        await settled(engine)
        assert engine.load().queued_tokens == 0


async def test_tokens_are_released_from_the_queue_pass_by_pass():
    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        tokens = []

        def note() -> None:
            tokens.append(engine.load().queued_tokens)

        with before_pass(0, note), before_pass(5, note):
            await engine.classify(make_request("Where is it?", label_space=MANY))
        await settled(engine)
    total = ModelRunner(tiny_model("bart")).candidates(MANY).num_tokens
    assert total - 20 < tokens[0] < total
    assert tokens[1] < tokens[0] - 5 * 6


async def test_a_fault_in_a_later_pass_fails_only_its_request(monkeypatch):
    run, failures = Scoring.run, []

    def failing(self, places):
        if self.left_passes(places[0]) == 2:
            failures.append(1)
            raise RuntimeError("out of memory")
        run(self, places)

    async with running_engine(prefill_tokens=16) as engine:
        await engine.preload("tiny--bart")
        monkeypatch.setattr(Scoring, "run", failing)
        large = asyncio.create_task(engine.classify(make_request("Where is it?", label_space=MANY)))
        small = asyncio.create_task(engine.classify(make_request("Good", tenant="modest", label_space=SENTIMENT)))
        found = await asyncio.gather(large, small, return_exceptions=True)
        await settled(engine)
        assert engine.load().queued_tokens == 0
    assert failures
    assert isinstance(found[0], InternalError)
    assert found[1].label_sets


async def test_labels_that_do_not_fit_the_queue_are_refused_before_they_are_tokenized(monkeypatch):
    made = []
    init = Candidates.__init__
    monkeypatch.setattr(
        Candidates, "__init__", lambda self, *arguments, **named: (made.append(1), init(self, *arguments, **named))[1]
    )
    async with running_engine(max_queued_tokens=200) as engine:
        await engine.preload("tiny--bart")
        async with paused(engine):
            first = asyncio.create_task(engine.classify(make_request("First", label_space=SENTIMENT)))
            await queued(engine, 1)
            with pytest.raises(ExhaustedError):
                await engine.classify(make_request("Where is it?", label_space=MANY))
        await first
    assert len(made) == 1


async def test_labels_with_too_many_tokens_are_refused(monkeypatch):
    monkeypatch.setattr(candidates, "MAX_LABEL_TOKENS", 100)
    async with running_engine() as engine:
        with pytest.raises(InvalidArgumentError, match="more than the 100 tokens that one request may score"):
            await engine.classify(make_request("Where is it?", label_space=MANY))
        await settled(engine)
        assert engine.load().queued_tokens == 0


async def test_prepared_labels_are_kept_for_the_next_request_but_not_for_a_caller_that_left(monkeypatch):
    made, entered, released = [], threading.Event(), threading.Event()
    init = Candidates.__init__

    def slow(self, *arguments, **named):
        made.append(1)
        entered.set()
        assert released.wait(10)
        init(self, *arguments, **named)

    monkeypatch.setattr(Candidates, "__init__", slow)
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        large = asyncio.create_task(engine.classify(make_request("Where is it?", label_space=MANY)))
        assert await asyncio.to_thread(entered.wait, 10)
        large.cancel()
        await asyncio.gather(large, return_exceptions=True)
        released.set()
        for _ in range(2):
            await engine.classify(make_request("Where is it?", label_space=MANY))
    assert len(made) == 2
