"""Faults concern the request that has them and no other."""

from __future__ import annotations

import asyncio

import pytest

from factories.serving import (
    DEPARTMENTS,
    LONG,
    SENTIMENT,
    Adapters,
    HeldBaseModel,
    TinyBaseModel,
    answer,
    make_request,
    prompt_vectors,
    running_engine,
    settled,
)
from factories.tiny_models import CONTEXT_TOKENS
from foreword.errors import (
    ArtifactError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
)
from foreword.inference.decoding import DecodeBatch
from foreword.inference.interfaces import AdapterReference


async def test_a_failed_look_up_fails_one_request_and_moves_no_other_row():
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


async def test_faults_of_a_request_are_named():
    async with running_engine() as engine:
        with pytest.raises(InvalidArgumentError, match="text: has"):
            await answer(engine, "word " * 300)
        with pytest.raises(NotFoundError):
            await answer(engine, "Hello", base_model="nobody--knows")
        with pytest.raises(InvalidArgumentError, match="labels"):
            await engine.classify(make_request("Hello"))
        assert engine.load().queued_tokens == 0


async def test_an_unknown_tuning_method_is_named():
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


async def test_a_prompt_that_breaks_the_network_takes_no_other_request_with_it(monkeypatch):
    """A fault in the pass over one row, which only shows inside the engine's thread."""
    adapters = Adapters()
    bad = adapters.add("bad", prompt_vectors(9))
    join = DecodeBatch.join

    def failing(self, rows):
        if any(row.adapter is not None and row.adapter.length == 9 for row in rows):
            raise RuntimeError("out of memory")
        return join(self, rows)

    monkeypatch.setattr(DecodeBatch, "join", failing)
    async with running_engine(adapters=adapters) as engine:
        expected = await answer(engine, "Hello")
        found = await asyncio.gather(
            *(answer(engine, "Hello", adapter=bad if number == 2 else None) for number in range(5)),
            return_exceptions=True,
        )
    assert isinstance(found[2], InternalError)
    assert found[2].error_id in found[2].message
    assert [found[place] for place in (0, 1, 3, 4)] == [expected] * 4


async def test_a_crash_of_a_step_is_told_to_those_concerned_and_the_engine_goes_on(monkeypatch):
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


async def test_a_crash_of_the_loop_is_told_to_all_and_the_engine_goes_on(monkeypatch):
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        (served,) = engine.served
        turn = type(served).turn
        crashed = []

        def failing(self):
            if not crashed:
                crashed.append(True)
                raise RuntimeError("crash")
            turn(self)

        monkeypatch.setattr(type(served), "turn", failing)
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
