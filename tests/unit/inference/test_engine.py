from __future__ import annotations

import asyncio
import threading
import time

import pytest
import torch

from factories.serving import (
    DEPARTMENTS,
    SENTIMENT,
    Adapters,
    TinyBaseModel,
    answer,
    make_request,
    prompt_vectors,
    running_engine,
)
from foreword.domain.inference import StopReason
from foreword.errors import (
    ArtifactError,
    DeadlineExceededError,
    ExhaustedError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    UnavailableError,
)
from foreword.inference.decoding import DecodeBatch
from foreword.inference.engine import InferenceEngine
from foreword.inference.interfaces import AdapterReference, EngineClient
from foreword.inference.residency import MemoryBudget
from foreword.plugin.interfaces import LoadedModel


class HeldBaseModel(TinyBaseModel):
    """Loads only once it is released, so that what waits for it waits."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def load(self, *, device: str, dtype: str) -> LoadedModel:
        assert self.released.wait(10)
        return super().load(device=device, dtype=dtype)


LONG = {"max_new_tokens": 100, "min_new_tokens": 100}


async def _settled(engine) -> None:
    """Waits until the engine has let go of everything."""
    for _ in range(500):
        load = engine.load()
        if not (load.queued_requests or load.queued_tokens or load.running_rows):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(engine.load())


async def test_pieces_add_up_to_the_answer_and_the_last_one_tells_the_rest():
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


async def test_an_adapter_is_read_once():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        await asyncio.gather(*(answer(engine, "Hello", adapter=reference) for _ in range(8)))
    assert adapters.reads == 1


async def test_a_base_model_is_loaded_once_on_first_use_and_several_can_be_served():
    bart, llama = TinyBaseModel("bart"), TinyBaseModel("llama")
    async with running_engine(bart, llama) as engine:
        assert (bart.loads, llama.loads) == (0, 0)
        await asyncio.gather(*(answer(engine, "Hello", base_model=name) for name in ("tiny--bart", "tiny--llama") * 4))
        await engine.preload("tiny--bart")
    assert (bart.loads, llama.loads) == (1, 1)


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
    async with running_engine() as engine:
        whole, _ = await answer(engine, "Where is my order?", parameters=LONG)
        stop = whole[20:23]
        text, final = await answer(engine, "Where is my order?", parameters={**LONG, "stop_sequences": (stop,)})
        with_stop, _ = await answer(
            engine,
            "Where is my order?",
            stream=False,
            parameters={**LONG, "stop_sequences": (stop,), "include_stop_sequence": True},
        )
    assert text == whole[: whole.index(stop)] == final.text
    assert with_stop == text + stop
    assert final.stop_reason is StopReason.STOP_SEQUENCE
    assert final.usage.generated_tokens < 100


async def test_a_caller_that_leaves_frees_its_row():
    async with running_engine(max_batch_rows=1) as engine:
        pieces = engine.generate(make_request("Long story", parameters=LONG))
        await anext(pieces)
        assert engine.load().running_rows == 1
        await pieces.aclose()
        await asyncio.wait_for(answer(engine, "Next please"), 5)
        await _settled(engine)


async def test_a_task_that_is_cancelled_is_dropped_from_the_queue():
    async with running_engine(max_batch_rows=1) as engine:
        first = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(answer(engine, "Waiting", parameters=LONG))
        await asyncio.sleep(0.02)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await first
        await _settled(engine)


async def test_a_deadline_is_an_error_before_any_text_and_an_end_after_it():
    adapters = Adapters()
    async with running_engine(adapters=adapters) as engine:
        await engine.preload("tiny--bart")
        slow = {"parameters": {"max_new_tokens": 120, "min_new_tokens": 120}}
        with pytest.raises(DeadlineExceededError):
            await answer(engine, "Too late", deadline=time.monotonic() - 1)
        with pytest.raises(DeadlineExceededError):
            await answer(engine, "Too slow", stream=False, deadline=time.monotonic() + 0.05, **slow)

        whole, _ = await answer(engine, "A story", **slow)
        pieces = engine.generate(make_request("A story", deadline=time.monotonic() + 0.08, **slow))
        text, final = "", None
        async for piece in pieces:
            text += piece.text
            final = piece.final
        await _settled(engine)
    assert final.stop_reason is StopReason.TIME_LIMIT
    assert final.text == text
    assert whole.startswith(text)
    assert 0 < final.usage.generated_tokens < 120


async def test_a_deadline_is_read_while_a_request_waits():
    async with running_engine(max_batch_rows=1) as engine:
        await engine.preload("tiny--bart")
        first = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        with pytest.raises(DeadlineExceededError):
            await answer(engine, "Waiting", deadline=time.monotonic() + 0.03)
        assert not first.done()
        await first


async def test_a_full_queue_turns_requests_away_and_recovers():
    async with running_engine(max_batch_rows=1, max_queued_tokens=300) as engine:
        await engine.preload("tiny--bart")
        found = await asyncio.gather(
            *(answer(engine, f"Story {number}", parameters=LONG) for number in range(10)), return_exceptions=True
        )
        await _settled(engine)
        text, _ = await answer(engine, "And now")
    refused = [item for item in found if isinstance(item, ExhaustedError)]
    assert refused
    assert all(item.retry_after.total_seconds() > 0 for item in refused)
    assert len(refused) < 10
    assert all(isinstance(item, ExhaustedError | tuple) for item in found)
    assert text


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
    assert found[2].metadata["fault"] in found[2].message
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
        await _settled(engine)
    assert text


async def test_a_crash_of_the_loop_is_told_to_all_and_the_engine_goes_on(monkeypatch):
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        (served,) = engine._served
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
        await _settled(engine)
        assert (await answer(engine, "Hello"))[0]


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


async def test_a_probe_measures_a_prompt_and_refuses_one_that_overflows():
    adapters = Adapters()
    good = adapters.add("good", prompt_vectors(4))
    hostile = adapters.add("hostile", torch.full((4, 16), 3e38))
    missing = AdapterReference(
        tenant="acme", base_model="tiny--bart", tuning_type="prompt_tuning", artifact="gone", content_sha256="0" * 64
    )
    async with running_engine(adapters=adapters) as engine:
        assert await engine.probe("tiny--bart", good) > 0
        assert await engine.probe("tiny--bart", None) == 0
        with pytest.raises(FailedPreconditionError):
            await engine.probe("tiny--bart", hostile)
        with pytest.raises(ArtifactError):
            await engine.probe("tiny--bart", missing)
        with pytest.raises(ArtifactError):
            await engine.classify(make_request("Hello", adapter=hostile, label_space=SENTIMENT))


async def test_tokens_come_with_their_texts():
    async with running_engine() as engine:
        tokens = await engine.tokenize("acme", "tiny--bart", "Hello wörld", with_texts=True)
        counted = await engine.tokenize("acme", "tiny--bart", "Hello wörld")
    assert tokens.texts == ("<s>", " Hello", " w", "ör", "ld", "</s>")
    assert (counted.ids, counted.texts) == (tokens.ids, ())


async def test_one_tenant_s_counting_fills_its_own_share_of_the_queue_and_no_other():
    held = HeldBaseModel()
    async with running_engine(held, max_queued_tokens=1000) as engine:
        text = "word " * 600
        greedy = [asyncio.create_task(engine.tokenize("greedy", "tiny--bart", text)) for _ in range(4)]
        modest = asyncio.create_task(answer(engine, "Hello", tenant="modest"))
        for _ in range(2):
            await asyncio.sleep(0)
        refused = [task for task in greedy if task.done()]
        held.released.set()
        found = await asyncio.gather(*greedy, modest, return_exceptions=True)
        await _settled(engine)
    assert len(refused) == 3
    assert [type(item) for item in found[1:4]] == [ExhaustedError] * 3
    assert len(found[0].ids) == 603
    assert not isinstance(found[4], BaseException)


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


async def test_a_probe_reads_what_is_stored_although_the_prompt_is_in_memory():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        before = await answer(engine, "Hello", adapter=reference)
        config, data = adapters.files["mine"]
        adapters.files["mine"] = (config, data[:-1] + b"x")
        with pytest.raises(ArtifactError, match="SHA-256"):
            await engine.probe("tiny--bart", reference)
        del adapters.files["mine"]
        with pytest.raises(ArtifactError, match="missing"):
            await engine.probe("tiny--bart", reference)
        assert await answer(engine, "Hello", adapter=reference) == before


async def test_a_probe_leaves_the_prompt_in_memory_for_those_who_come():
    adapters = Adapters()
    reference = adapters.add("mine", prompt_vectors(4))
    async with running_engine(adapters=adapters) as engine:
        await engine.probe("tiny--bart", reference)
        await answer(engine, "Hello", adapter=reference)
    assert adapters.reads == 1


async def test_draining_finishes_what_runs_and_refuses_what_is_new():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        running = asyncio.create_task(answer(engine, "Long story", parameters=LONG))
        await asyncio.sleep(0.02)
        assert not await engine.drain(0)
        with pytest.raises(UnavailableError):
            await answer(engine, "New")
        assert await engine.drain(10)
        assert running.done() or (await running)


async def test_stopping_tells_those_who_wait():
    async with running_engine() as engine:
        await engine.preload("tiny--bart")
        running = asyncio.create_task(answer(engine, "Long story", parameters={"max_new_tokens": 120, **LONG}))
        await asyncio.sleep(0.03)
        await asyncio.to_thread(engine.stop)
        with pytest.raises(UnavailableError):
            await running
        with pytest.raises(UnavailableError):
            await answer(engine, "New")


async def test_one_tenant_s_backlog_does_not_make_the_others_wait_for_all_of_it():
    async with running_engine(max_batch_rows=2) as engine:
        await engine.preload("tiny--bart")
        order: list[str] = []

        async def ask(tenant: str) -> None:
            await answer(engine, "Hello", tenant=tenant, stream=False, parameters={"min_new_tokens": 12})
            order.append(tenant)

        backlog = [asyncio.create_task(ask("greedy")) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(*backlog, *(ask("modest") for _ in range(2)))
    assert max(place for place, tenant in enumerate(order) if tenant == "modest") < 12


def _client(engine: EngineClient) -> EngineClient:
    return engine


async def test_the_engine_is_an_engine_client():
    async with running_engine() as engine:
        assert _client(engine) is engine


def _room_for(*models: TinyBaseModel) -> MemoryBudget:
    """A budget that holds these models and hardly more."""
    return MemoryBudget(byte_size=int(1.1 * 4 * sum(model.spec.parameter_count for model in models)), strict=True)


async def test_two_models_share_the_room_of_one_and_answer_as_they_do_alone():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5) as roomy:
        alone = {name: (await answer(roomy, "Hello", base_model=name))[0] for name in ("tiny--bart", "tiny--t5")}
    adapters = Adapters()
    reference = adapters.add("a", prompt_vectors(3))

    async with running_engine(bart, t5, adapters=adapters, base_model_budget=_room_for(bart)) as engine:
        for name in ("tiny--bart", "tiny--t5", "tiny--bart"):
            await _when_there_is_room(engine, name)
            assert (await answer(engine, "Hello", base_model=name))[0] == alone[name]
            if name == "tiny--bart":
                await answer(engine, "Hello", adapter=reference)

    assert bart.loads == 3  # with the one of the roomy engine
    assert adapters.reads == 2, "the prompts of an unloaded model leave memory with it"


async def test_a_model_that_answers_is_not_unloaded_for_another():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5, base_model_budget=_room_for(bart)) as engine:
        running = engine.generate(make_request("Hello", parameters={"max_new_tokens": 60, "min_new_tokens": 60}))
        await anext(running)

        with pytest.raises(ExhaustedError) as raised:
            await answer(engine, "Hello", base_model="tiny--t5")
        assert raised.value.reason == "BASE_MODELS_BUSY"
        rest = [piece async for piece in running]

        assert rest[-1].final is not None
        await _when_there_is_room(engine, "tiny--t5")
        assert (await answer(engine, "Hello", base_model="tiny--t5"))[1] is not None


async def test_what_was_left_of_a_cancelled_request_goes_with_its_model():
    bart, t5 = TinyBaseModel("bart"), TinyBaseModel("t5")
    async with running_engine(bart, t5, base_model_budget=_room_for(bart)) as engine:
        running = engine.generate(make_request("Hello", parameters={"max_new_tokens": 60, "min_new_tokens": 60}))
        await anext(running)
        await running.aclose()

        await _when_there_is_room(engine, "tiny--t5")
        await _settled(engine)

        assert [served.runner.model.spec.id for served in engine._served] == ["tiny--t5"]


async def _when_there_is_room(engine: InferenceEngine, base_model: str) -> None:
    """Loads a model, asking again while the others stay for a moment."""
    for _ in range(200):
        try:
            return await engine.preload(base_model)
        except ExhaustedError as error:
            await asyncio.sleep(min(0.1, error.retry_after.total_seconds()))
    raise AssertionError("there never was room")
