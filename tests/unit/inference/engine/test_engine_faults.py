"""A fault affects only the request that causes it."""

from __future__ import annotations

import asyncio
import threading

import pytest
import torch

from factories.serving import (
    DEPARTMENTS,
    LONG,
    SENTIMENT,
    Adapters,
    HeldBaseModel,
    TinyBaseModel,
    answer,
    make_request,
    paused,
    prompt_vectors,
    queued,
    running_engine,
    settled,
)
from factories.tiny_models import CONTEXT_TOKENS
from foreword.domain.inference import ReturnOptions
from foreword.errors import (
    ArtifactError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from foreword.inference.decoding.decode_batch import DecodeBatch
from foreword.inference.interfaces import AdapterReference
from foreword.inference.model.decoding_network import DecodingNetwork
from foreword.inference.model.encoder_decoder import EncoderDecoder
from foreword.inference.model.kv_cache import SlackLayer
from foreword.inference.runner import ModelRunner


async def test_a_failed_look_up_fails_one_request_and_does_not_affect_other_rows():
    adapters = Adapters()
    good = [adapters.add(f"good{number}", prompt_vectors(5, number)) for number in range(3)]
    missing = AdapterReference(
        tenant="acme", base_model="tiny--bart", tuning_type="prompt_tuning", artifact="gone", content_sha256="0" * 64
    )
    order = [good[0], missing, good[1], missing, good[2]]
    async with running_engine(adapters=adapters) as engine:
        expected = [await answer(engine, "Hello there", adapter=reference) for reference in good]
        found = await asyncio.gather(
            *(answer(engine, "Hello there", adapter=reference) for reference in order), return_exceptions=True
        )
    assert [found[0], found[2], found[4]] == expected
    assert isinstance(found[1], ArtifactError)
    assert isinstance(found[3], ArtifactError)
    assert len({text for text, _ in expected}) == 3


async def test_errors_name_the_fault_of_a_request():
    async with running_engine() as engine:
        with pytest.raises(InvalidArgumentError, match="text: has"):
            await answer(engine, "word " * 300)
        with pytest.raises(NotFoundError):
            await answer(engine, "Hello", base_model="nobody--knows")
        with pytest.raises(InvalidArgumentError, match="labels"):
            await engine.classify(make_request("Hello"))
        assert engine.load().queued_tokens == 0


async def test_the_error_about_an_unknown_tuning_method_names_it():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    other = AdapterReference(
        tenant="acme", base_model="tiny--bart", tuning_type="lora", artifact="mine",
        content_sha256=reference.content_sha256,
    )  # fmt: skip
    async with running_engine(adapters=adapters) as engine:
        with pytest.raises(NotFoundError, match="lora"):
            await answer(engine, "Hello", adapter=other)


async def test_a_text_that_cannot_fit_is_refused_before_it_is_tokenized():
    held = HeldBaseModel()
    async with running_engine(held) as engine:
        for refused in (
            engine.tokenize("acme", "tiny--bart", "x" * 4097),
            engine.classify(make_request("x" * 4097, label_space=SENTIMENT)),
            answer(engine, "x" * 4097),
        ):
            with pytest.raises(InvalidArgumentError, match="at most 4,096 characters") as caught:
                await refused
            assert caught.value.reason == "TEXT_TOO_LONG"
    assert held.loads == 0


async def test_a_prompt_that_breaks_the_network_fails_no_other_request(monkeypatch):
    """A fault in the pass over one row, which only shows inside the engine's thread."""
    adapters = Adapters()
    bad = adapters.add("bad", prompt_vectors(9))
    begin = DecodeBatch.begin

    def failing(self, rows):
        if any(row.adapter is not None and row.adapter.length == 9 for row in rows):
            raise RuntimeError("out of memory")
        return begin(self, rows)

    monkeypatch.setattr(DecodeBatch, "begin", failing)
    async with running_engine(adapters=adapters) as engine:
        expected = await answer(engine, "Hello")
        found = await asyncio.gather(
            *(answer(engine, "Hello", adapter=bad if number == 2 else None) for number in range(5)),
            return_exceptions=True,
        )
    assert isinstance(found[2], InternalError)
    assert found[2].error_id in found[2].message
    assert [found[place] for place in (0, 1, 3, 4)] == [expected] * 4


async def test_a_brief_fault_while_inputs_are_read_starts_no_row_twice(monkeypatch):
    """A row with details of its input is read after the others; they must not be in the batch when that fails."""
    base = TinyBaseModel("llama")
    feed_many, failed = DecodingNetwork.feed_many, []

    def failing(self, rows, ids_BT, *arguments, keep, **named):
        if keep > 1 and not failed:
            failed.append(True)
            raise RuntimeError("out of memory")
        return feed_many(self, rows, ids_BT, *arguments, keep=keep, **named)

    monkeypatch.setattr(DecodingNetwork, "feed_many", failing)
    detailed = {"return_options": ReturnOptions(input_tokens=True, token_log_probabilities=True)}
    asked = [{"max_new_tokens": 8, "min_new_tokens": 8}, {**LONG, **detailed}, LONG, LONG]
    async with running_engine(base) as engine:
        async with paused(engine, base.spec.id):
            tasks = [
                asyncio.create_task(answer(engine, f"Hello {number}", base_model=base.spec.id, parameters=parameters))
                for number, parameters in enumerate(asked)
            ]
            await queued(engine, len(asked))
        found = await asyncio.gather(*tasks)
        again = [
            await answer(engine, f"Hello {number}", base_model=base.spec.id, parameters=parameters)
            for number, parameters in enumerate(asked)
        ]
        await settled(engine)
    assert failed
    assert found == again


async def test_a_fault_while_rows_join_fails_only_their_requests_and_no_later_answer(monkeypatch):
    """The rows are in the first layer's keys and values, and not in the second's."""
    join, torn = SlackLayer.set, []

    async with running_engine(TinyBaseModel("bart"), TinyBaseModel("llama")) as engine:
        expected = await answer(engine, "Hello")
        elsewhere = engine.generate(make_request("Long story", base_model="tiny--llama", parameters=LONG))
        await anext(elsewhere)
        running = engine.generate(make_request("Long story", parameters=LONG))
        await anext(running)

        def failing(self, keys, values):
            if len(keys) == 2 and len(torn) < 2:
                torn.append(True)
                if len(torn) == 2:
                    raise RuntimeError("out of memory")
            join(self, keys, values)

        monkeypatch.setattr(SlackLayer, "set", failing)
        with pytest.raises(InternalError):
            await answer(engine, "Joins", parameters=LONG)
        with pytest.raises(InternalError):
            async for _ in running:
                pass
        pieces = [piece async for piece in elsewhere]
        await settled(engine)
        assert pieces[-1].final is not None
        assert await answer(engine, "Hello") == expected


async def test_a_crash_of_a_step_fails_its_requests_and_the_engine_continues(monkeypatch):
    step, crashed = DecodeBatch.step, []

    def failing(self):
        if len(self) and not crashed:
            crashed.append(True)
            raise RuntimeError("crash")
        return step(self)

    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        monkeypatch.setattr(DecodeBatch, "step", failing)
        found = await asyncio.gather(
            *(answer(engine, "Hello", parameters=LONG) for _ in range(3)), return_exceptions=True
        )
        assert any(isinstance(item, InternalError) for item in found)
        text, _ = await answer(engine, "Hello")
        await settled(engine)
    assert text


async def test_a_crash_of_the_loop_fails_all_requests_and_the_engine_continues(monkeypatch):
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        (scheduler,) = engine.schedulers
        turn = type(scheduler).turn
        crashed = []

        def failing(self):
            if not crashed:
                crashed.append(True)
                raise RuntimeError("crash")
            turn(self)

        monkeypatch.setattr(type(scheduler), "turn", failing)
        with pytest.raises(InternalError):
            await answer(engine, "Hello")
        await settled(engine)
        assert (await answer(engine, "Hello"))[0]


@pytest.mark.parametrize("labels", [True, False], ids=["classify", "generate"])
async def test_a_text_after_which_the_longest_label_does_not_fit_is_refused(labels):
    text = " word" * (CONTEXT_TOKENS - 3)
    async with running_engine(TinyBaseModel("gpt2")) as engine:
        request = {"base_model": "tiny--gpt2", "label_space": DEPARTMENTS}
        with pytest.raises(InvalidArgumentError, match="the longest answer needs") as caught:
            await (engine.classify(make_request(text, **request)) if labels else answer(engine, text, **request))
    assert caught.value.reason == "TEXT_TOO_LONG"


async def test_a_request_that_a_crashed_turn_had_taken_fails(monkeypatch):
    """It waits no more and is not active yet."""

    def failing(self, rows, **limits):
        raise RuntimeError("crash")

    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        with monkeypatch.context() as patch:
            patch.setattr(ModelRunner, "score_groups", failing)
            with pytest.raises(InternalError):
                await asyncio.wait_for(engine.classify(make_request("Good", label_space=SENTIMENT)), 60)
        assert (await engine.classify(make_request("Good", label_space=SENTIMENT))).label_sets
        await settled(engine)


@pytest.mark.parametrize("operation", ["begin", "feed"])
async def test_a_lost_device_fails_waiting_requests_and_refuses_new_ones(monkeypatch, operation: str):
    """Faults like CUDA's device-side assert stay: every later operation of the process fails with them."""

    def fault(self, *_):
        self.device = torch.device("meta")  # nothing on it can be read
        raise RuntimeError("CUDA error: device-side assert triggered")

    lost, checked = threading.Event(), threading.Event()

    def on_lost():
        lost.set()
        checked.wait(60)  # the thread is still alive while the test asks

    async with running_engine(max_batch_rows=2, on_lost=on_lost) as engine:
        async with paused(engine):
            texts = [asyncio.create_task(answer(engine, f"Story {number}", parameters=LONG)) for number in range(4)]
            await queued(engine, len(texts))
            monkeypatch.setattr(EncoderDecoder, operation, fault)
        found = await asyncio.wait_for(asyncio.gather(*texts, return_exceptions=True), 60)
        assert await asyncio.to_thread(lost.wait, 60)
        for refused in (answer(engine, "Hello"), engine.probe("tiny--bart", None), engine.preload("tiny--bart")):
            with pytest.raises(UnavailableError):
                await asyncio.wait_for(refused, 60)
        await settled(engine)
        checked.set()
    assert [type(item) for item in found] == [InternalError] * 4


async def test_a_passing_fault_does_not_end_the_engine(monkeypatch):
    lost = threading.Event()

    def fault(*_):
        raise RuntimeError("out of memory")

    async with running_engine(on_lost=lost.set) as engine:
        await engine.preload("tiny--bart")
        with monkeypatch.context() as patch:
            patch.setattr(EncoderDecoder, "begin", fault)
            for asked in (answer(engine, "Hello"), engine.classify(make_request("Good", label_space=SENTIMENT))):
                with pytest.raises(InternalError):
                    await asyncio.wait_for(asked, 60)
        assert (await answer(engine, "Hello"))[0]
    assert not lost.is_set()
