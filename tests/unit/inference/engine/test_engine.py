"""Answers of the engine: equal to those given alone, whatever else is running."""

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
    TinyBaseModel,
    answer,
    make_request,
    prompt_vectors,
    running_engine,
    site_scales,
)
from foreword.domain.inference import StopReason
from foreword.inference.interfaces import EngineClient


async def test_pieces_add_up_to_the_answer_and_the_last_one_contains_its_details():
    async with running_engine() as engine:
        text, final = await answer(engine, "Where is my order?", parameters={"min_new_tokens": 12, "seed": 5})

    assert text == final.text
    assert final.stop_reason is StopReason.MAX_TOKENS
    assert final.seed == 5
    assert final.usage.generated_tokens == 12
    assert final.usage.input_tokens == 7
    assert final.usage.soft_prompt_tokens == 0


async def test_a_request_without_streaming_gets_one_piece():
    async with running_engine() as engine:
        streamed, _ = await answer(engine, "Hello")
        pieces = [piece async for piece in engine.generate(make_request("Hello", stream=False))]
    assert [piece.text for piece in pieces] == [streamed]
    assert pieces[0].final is not None
    assert pieces[0].final.text == streamed


async def test_tenants_with_their_own_prompts_get_the_answers_they_would_get_alone():
    adapters = Adapters()
    references = [
        adapters.add(f"prompt{number}", prompt_vectors(4 + number, number), tenant=f"tenant{number}")
        for number in range(3)
    ]
    requests = [
        {"text": f"Request {number} " * (1 + number % 4), "tenant": f"tenant{number % 3}",
         "adapter": [*references, None][number % 4] if number % 4 < 3 else None}
        for number in range(16)
    ]  # fmt: skip
    async with running_engine(adapters=adapters) as engine:
        alone = [await answer(engine, **request) for request in requests]
        together = await asyncio.gather(*(answer(engine, **request) for request in requests))
    assert together == alone


@pytest.mark.parametrize("shape", ["bart", "llama"])
async def test_factors_beside_prompts_and_plain_rows_get_the_answers_they_would_get_alone(shape: str):
    adapters, base = Adapters(), TinyBaseModel(shape)
    causal = "CAUSAL_LM" if shape == "llama" else "SEQ_2_SEQ_LM"
    prompt = adapters.add("prompt", prompt_vectors(5), base_model=base.spec.id, task_type=causal)
    factors = [adapters.add_scales(f"factors{seed}", site_scales(base.spec, seed), base.spec) for seed in range(2)]
    requests = [
        {"text": f"Request {number} " * (1 + number % 4), "base_model": base.spec.id,
         "adapter": [None, prompt, *factors][number % 4]}
        for number in range(12)
    ]  # fmt: skip

    async with running_engine(base, adapters=adapters) as engine:
        effect = await engine.probe(base.spec.id, factors[0])
        alone = [await answer(engine, **request) for request in requests]
        together = await asyncio.gather(*(answer(engine, **request) for request in requests))

    assert effect > 1e-3
    assert together == alone
    assert len({answer_ for answer_, _ in alone}) > 6
    assert {final.usage.soft_prompt_tokens for _, final in alone} == {0, 5}


async def test_an_adapter_is_read_once():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        await asyncio.gather(*(answer(engine, "Hello", adapter=reference) for _ in range(8)))
    assert adapters.reads == 1


async def test_a_seed_repeats_an_answer_whatever_else_is_running():
    async with running_engine() as engine:
        wanted = {"sample": True, "temperature": 2.0, "seed": 11, **LONG}
        alone, _ = await answer(engine, "Tell me", parameters=wanted)
        others = [
            answer(engine, "Other", parameters={**wanted, "seed": number, "max_new_tokens": 100}) for number in range(5)
        ]
        (again, _), *rest = await asyncio.gather(answer(engine, "Tell me", parameters=wanted), *others)
    assert again == alone
    assert len({text for text, _ in rest}) == 5


async def test_generate_and_classify_agree_on_a_closed_task():
    async with running_engine() as engine:
        for text in ("Where is my order?", "It is broken", "Nobody calls back"):
            labels = await engine.classify(make_request(text, label_space=DEPARTMENTS))
            generated, final = await answer(engine, text, label_space=DEPARTMENTS)
            assert generated == DEPARTMENTS.text(labels.label_sets[0].labels)
            assert final.stop_reason is StopReason.EOS_TOKEN
            assert final.usage == labels.usage


async def test_sampling_a_closed_task_only_ever_gives_label_sets():
    parameters = {"sample": True, "temperature": 2.0}
    async with running_engine() as engine:
        texts = [
            (await answer(engine, "Good", label_space=SENTIMENT, parameters={**parameters, "seed": seed}))[0]
            for seed in range(30)
        ]
    assert set(texts) == {"0", "1"}


async def test_mixed_work_of_all_kinds_gives_the_same_as_alone():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(6))

    async def classified(engine, text, **fields):
        return (await engine.classify(make_request(text, label_space=DEPARTMENTS, **fields))).label_sets[0].labels

    async with running_engine(adapters=adapters, prefill_tokens=8) as engine:
        alone = [await classified(engine, "Broken box"), await classified(engine, "Broken box", adapter=reference)]
        written = await answer(engine, "Long story", parameters=LONG)
        found = await asyncio.gather(
            answer(engine, "Long story", parameters=LONG),
            *(classified(engine, "Broken box") for _ in range(6)),
            *(classified(engine, "Broken box", adapter=reference) for _ in range(6)),
        )
    assert found == [written, *[alone[0]] * 6, *[alone[1]] * 6]


async def test_a_stop_sequence_ends_the_answer_and_never_shows():
    enough = {"max_new_tokens": 100}
    async with running_engine() as engine:
        whole, _ = await answer(engine, "Where is my order?", parameters=enough)
        stop = whole[20:23]
        text, final = await answer(engine, "Where is my order?", parameters={**enough, "stop_sequences": (stop,)})
        with_stop, _ = await answer(
            engine,
            "Where is my order?",
            stream=False,
            parameters={**enough, "stop_sequences": (stop,), "include_stop_sequence": True},
        )
    assert text == whole[: whole.index(stop)] == final.text
    assert with_stop == text + stop
    assert final.stop_reason is StopReason.STOP_SEQUENCE
    assert final.usage.generated_tokens < 100


@pytest.mark.parametrize("stream", [True, False])
async def test_a_stop_sequence_that_begins_too_early_does_not_end_the_answer(stream: bool):
    async with running_engine() as engine:
        whole, _ = await answer(engine, "Where is my order?", parameters=LONG)
        early = {**LONG, "min_new_tokens": 40, "stop_sequences": (whole[:3],)}
        text, final = await answer(engine, "Where is my order?", stream=stream, parameters=early)
    assert text.startswith(whole[:3])
    assert final.usage.generated_tokens >= 40


async def test_torch_runs_on_the_engine_s_thread_only(monkeypatch):
    threads = set()
    feed = torch.nn.Module.__call__

    def watched(self, *args, **kwargs):
        threads.add(threading.current_thread().name)
        return feed(self, *args, **kwargs)

    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        await engine.preload("tiny--bart")
        monkeypatch.setattr(torch.nn.Module, "__call__", watched)
        await answer(engine, "Hello", adapter=reference)
        await engine.classify(make_request("Hello", label_space=DEPARTMENTS, adapter=reference))
        await engine.probe("tiny--bart", reference)
    assert threads == {"foreword-engine"}


async def test_tokens_come_with_their_texts():
    async with running_engine() as engine:
        tokens = await engine.tokenize("acme", "tiny--bart", "Hello wörld", with_texts=True)
        counted = await engine.tokenize("acme", "tiny--bart", "Hello wörld")
    assert tokens.texts == ("<s>", " Hello", " w", "ör", "ld", "</s>")
    assert (counted.ids, counted.texts) == (tokens.ids, ())


def _client(engine: EngineClient) -> EngineClient:
    return engine


async def test_the_engine_is_an_engine_client():
    async with running_engine() as engine:
        assert _client(engine) is engine
