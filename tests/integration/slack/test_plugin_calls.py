"""Plugins are called apart from complaints: at least once for each event, again after a failure and after a crash."""

from __future__ import annotations

import threading
import time

import aiohttp

from factories.bots import running_office
from factories.slack import START, install
from factories.waiting import eventually
from foreword_slack.console import retry_lines, status_lines
from foreword_slack.health import HealthServer
from foreword_slack.hooks import ComplaintCorrected, Hooks, hookimpl
from foreword_slack.inbox import Inbox, InboxSettings
from foreword_slack.metrics import render
from foreword_slack.plugin_calls import notify_plugins, plugin_caller
from foreword_slack.reports import work_report
from foreword_slack.store import Lane, Store


class Recorder:
    """A plugin that records its events, and raises as often as a test says."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.events = failures, []

    @hookimpl
    def complaint_corrected(self, event):
        self.events.append(event)
        if len(self.events) <= self.failures:
            raise RuntimeError(event.text)


def corrected(key: str = "T1:correction:1", **changes) -> ComplaintCorrected:
    values = {"team": "T1", "complaint": "C1:1", "text": "private words", "said": ("A",), "corrected": ("B", "C")}
    return ComplaintCorrected(**{"key": key, "actor": "U1", "time": START} | values | changes)


def calling(store, hooks: Hooks, **settings) -> Inbox:
    return Inbox(store, plugin_caller(hooks), lane=Lane.PLUGINS, settings=InboxSettings(**settings))


async def asked(store, hooks: Hooks, *events: ComplaintCorrected) -> None:
    for event in events:
        await store.write("T1", lambda uow, e=event: notify_plugins(uow, hooks, e))


async def plugin_overview(store):
    (team,) = (await store.survey(lambda operator: operator.overview())).teams
    return team


async def test_a_slow_plugin_delays_neither_complaints_nor_acknowledgements_nor_health(keyword_access, tmp_path):
    release = threading.Event()

    class Slow:
        @hookimpl
        def routing_decided(self, event):
            release.wait(60)

    async with running_office(keyword_access, tmp_path, hooks=Hooks(Slow())) as office:
        bot = office.bot
        health = HealthServer(
            bot.store,
            ready=lambda: bot.readiness,
            metrics=lambda overview: render(bot.metrics, bot.state(overview)),
            port=0,
        )
        await health.start()
        try:
            for number in range(20):  # more than there are workers
                office.ann.post(office.complaints, f"Number {number} is about Service")
            await office.posted(20)
            begin = time.perf_counter()
            url = f"http://127.0.0.1:{health.port}/healthz"
            async with aiohttp.ClientSession() as client, client.get(url) as answer:
                assert answer.status == 200
            assert time.perf_counter() - begin < 5
            lines = "\n".join(await status_lines(bot.store, bot.config))
            assert "Plugins: 20 pending" in lines
        finally:
            release.set()
            await health.stop()
        await office.handled()
        assert (await plugin_overview(bot.store)).plugin_calls.pending == 0


async def test_a_plugin_that_fails_is_called_again_with_the_same_key_and_its_message_is_not_shown(store, clock, capsys):
    broken, healthy = Recorder(failures=2), Recorder()
    hooks = Hooks(broken=broken, healthy=healthy)
    await install(store)
    await asked(store, hooks, corrected())
    calls = calling(store, hooks, first_wait_seconds=5.0)
    calls.start()
    try:
        await eventually(lambda: healthy.events)

        async def shown():
            lines = work_report(await plugin_overview(store), clock.now())
            return "  1 to be repeated: broken.complaint_corrected: RuntimeError" in lines

        await eventually(shown)
        await eventually(lambda: clock.move(5) or len(broken.events) == 3)
    finally:
        await calls.stop()

    assert {event.key for event in broken.events} == {"T1:correction:1"}
    assert broken.events[0] == corrected()
    assert len(healthy.events) == 1, "the failure of one plugin repeats no call of another"
    assert "private words" not in "".join(capsys.readouterr())


async def test_a_call_is_made_after_a_restart_and_one_that_was_given_up_on_request(store, store_url, clock):
    first = Recorder(failures=99)
    await install(store)
    await asked(store, Hooks(acme=first), corrected())
    calls = calling(store, Hooks(acme=first), max_attempts=1)
    calls.start()

    async def given_up():
        return (await plugin_overview(store)).plugin_calls.dead

    await eventually(given_up)
    await calls.stop()
    (reason,) = (await plugin_overview(store)).plugin_calls.dead
    assert reason == "acme.complaint_corrected: RuntimeError"

    other = await Store.open(store_url, clock=clock)
    second = Recorder()
    await asked(other, Hooks(acme=second), corrected("T1:correction:2", complaint="C1:2"))
    assert "1 events" in (await retry_lines(other, "T1"))[0]
    calls = calling(other, Hooks(acme=second))
    calls.start()
    await eventually(lambda: len(second.events) == 2)
    await calls.stop()
    await other.close()
    assert sorted(event.key for event in second.events) == ["T1:correction:1", "T1:correction:2"]


async def test_a_plugin_gets_the_events_of_a_complaint_in_their_order(store, clock):
    plugin = Recorder(failures=1)
    hooks = Hooks(acme=plugin)
    await install(store)
    await asked(store, hooks, *(corrected(f"T1:correction:{number}") for number in range(3)))
    calls = calling(store, hooks, first_wait_seconds=1.0)
    calls.start()
    await eventually(lambda: calls.counts["failed"] == 1)
    await eventually(lambda: clock.move(1) or len(plugin.events) == 4)
    await calls.stop()
    assert [event.key[-1] for event in plugin.events] == ["0", "0", "1", "2"]


async def test_a_call_waits_for_a_plugin_that_is_not_installed_here(store, clock):
    await install(store)
    await asked(store, Hooks(acme=Recorder()), corrected())
    calls = calling(store, Hooks())
    calls.start()

    async def waits():
        return (await plugin_overview(store)).plugin_calls.reasons == {"acme.complaint_corrected: NotFoundError": 1}

    await eventually(waits)
    await calls.stop()


async def test_a_slow_redaction_does_not_stop_the_event_loop(keyword_access, tmp_path):
    release, asked_for = threading.Event(), threading.Event()

    class Slow:
        @hookimpl
        def redact(self, text):
            asked_for.set()
            release.wait(60)
            return text

    async with running_office(keyword_access, tmp_path, hooks=Hooks(Slow())) as office:
        office.ann.post(office.complaints, "It is about Service")
        await eventually(asked_for.is_set)
        await office.slack.settle()  # the loop still acknowledges
        release.set()
        await office.posted()
