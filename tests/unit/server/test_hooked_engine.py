from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from factories.plugins import make_plugin
from factories.serving import DEPARTMENTS, Adapters, answer, make_request, prompt_vectors, running_engine
from factories.waiting import eventually
from foreword.errors import InvalidArgumentError, PermissionDeniedError
from foreword.plugin.manager import PluginManager
from foreword.server.inference.hooked_engine import HookedEngine, hooked
from foreword.turns.turn_pool import TurnPool


class Meter:
    """A plugin that records every call and its outcome."""

    def __init__(self) -> None:
        self.begun, self.ended = [], []
        self.before = lambda call, text: self.begun.append((call, text))
        self.after = lambda call, outcome: self.ended.append((call, outcome))

    async def all_ended(self, count: int):
        await eventually(lambda: len(self.ended) == count)
        return self.ended


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def work() -> Iterator[dict[str, TurnPool]]:
    made = {"before": TurnPool("before", threads=32), "after": TurnPool("after", threads=1)}
    yield made
    for pool in made.values():
        pool.close()


@pytest.fixture
def plugins(meter: Meter) -> PluginManager:
    return PluginManager([make_plugin("meter", before_generate=meter.before, after_generate=meter.after)])


async def test_a_plugin_receives_the_caller_and_the_outcome(meter, plugins, work):
    adapters = Adapters()
    reference = adapters.add("a", prompt_vectors(3))
    async with running_engine(adapters=adapters) as engine:
        watched = hooked(engine, plugins, **work)
        _, final = await answer(watched, "Hello", adapter=reference)
        labels = await watched.classify(make_request("Hello", label_space=DEPARTMENTS))
        (first, second) = await meter.all_ended(2)

    assert [text for _, text in meter.begun] == ["Hello", "Hello"]
    assert [call for call, _ in meter.ended] == [call for call, _ in meter.begun]
    assert (first[0].tenant, first[0].base_model, first[0].labels) == ("acme", "tiny--bart", False)
    assert (first[0].adapter_sha256, second[0].adapter_sha256) == (reference.content_sha256, "")
    assert second[0].labels
    assert (first[1].usage, second[1].usage) == (final.usage, labels.usage)
    assert first[1].seconds > 0
    assert first[1].error == ""


async def test_the_model_is_asked_what_a_plugin_made_of_the_text(meter, work):
    plugins = PluginManager([make_plugin("redact", before_generate=lambda text: text.replace("Anna", "[name]"))])
    async with running_engine() as engine:
        watched = hooked(engine, plugins, **work)
        redacted = await answer(watched, "Anna waits")
        scored = await watched.classify(make_request("Anna waits", label_space=DEPARTMENTS))

        assert redacted == await answer(engine, "[name] waits")
        assert scored == await engine.classify(make_request("[name] waits", label_space=DEPARTMENTS))


async def test_a_rejected_request_is_reported_and_never_reaches_the_engine(meter, work):
    def refuse(text):
        raise PermissionDeniedError("No names, please.")

    plugins = PluginManager([make_plugin("strict", before_generate=refuse, after_generate=meter.after)])
    async with running_engine() as engine:
        with pytest.raises(PermissionDeniedError, match="No names"):
            await answer(hooked(engine, plugins, **work), "Anna")
        ((_, outcome),) = await meter.all_ended(1)

        assert (outcome.usage, outcome.error) == (None, "SCOPE_MISSING")
        assert engine.load().queued_tokens == 0


async def test_a_slow_plugin_does_not_delay_lookups_of_keys(work):
    released = threading.Event()
    busy = threading.Semaphore(0)

    def wait(text):
        busy.release()
        assert released.wait(60)
        return text

    plugins = PluginManager([make_plugin("slow", before_generate=wait)])
    more_than_the_loop_has_threads = 33
    async with running_engine() as engine:
        watched = hooked(engine, plugins, **work)
        waiting = [asyncio.create_task(answer(watched, "Hello")) for _ in range(more_than_the_loop_has_threads)]
        try:
            await asyncio.wait_for(asyncio.to_thread(busy.acquire), 60)  # looked up while the plugin is at work
        finally:
            released.set()
        await asyncio.gather(*waiting)


async def test_errors_and_cancellations_are_reported(meter, plugins, work):
    async with running_engine() as engine:
        watched = hooked(engine, plugins, **work)
        with pytest.raises(InvalidArgumentError):
            await answer(watched, "word " * 400)
        async with aclosing(
            watched.generate(make_request("Hello", parameters={"max_new_tokens": 60, "min_new_tokens": 60}))
        ) as pieces:
            await anext(pieces)
        ended = await meter.all_ended(2)

    assert [outcome.error for _, outcome in ended] == ["TEXT_TOO_LONG", "CANCELLED"]
    assert all(outcome.usage is None for _, outcome in ended)


async def test_what_is_no_request_for_an_answer_passes_by(meter, plugins, work):
    async with running_engine() as engine:
        watched = hooked(engine, plugins, **work)
        await watched.preload("tiny--bart")
        assert await watched.probe("tiny--bart", None) == 0.0
        assert await watched.tokenize("acme", "tiny--bart", "Hi") == await engine.tokenize("acme", "tiny--bart", "Hi")
        assert watched.load() == engine.load()

    assert meter.begun == []


async def test_without_such_a_plugin_the_engine_is_left_alone(work):
    async with running_engine() as engine:
        assert hooked(engine, PluginManager([]), **work) is engine
        quiet = PluginManager([make_plugin("quiet", experiment_finished=lambda experiment: None)])
        assert not isinstance(hooked(engine, quiet, **work), HookedEngine)


async def test_outcomes_reach_plugins_before_the_server_ends(work):
    released, received = threading.Event(), []

    def after(call, outcome):
        assert released.wait(20)
        received.append(call.tenant)

    plugins = PluginManager([make_plugin("meter", after_generate=after)])
    async with running_engine() as engine:
        watched = hooked(engine, plugins, **work)
        for _ in range(3):
            await watched.classify(make_request("Hello", label_space=DEPARTMENTS))
        await watched.finish(0.01)
        assert received == []
        released.set()
        await watched.finish(20)

    assert received == ["acme"] * 3
