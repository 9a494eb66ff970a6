"""The status of a running bot, and the status in its store after it has stopped."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp

from factories.scrapes import Scrape
from factories.slack import START, install, new_event
from factories.slack_bots import TEST_KEY
from factories.waiting import eventually
from foreword.errors import UnavailableError
from foreword_slack.health import HealthServer, Readiness
from foreword_slack.housekeeping import Housekeeping
from foreword_slack.installations import Installations
from foreword_slack.metrics import BotMetrics, BotState, render
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import HOOK, Complaint, InstallationState, PostState
from foreword_slack.token_vault import TokenVault


async def overview(store):
    return await store.survey(lambda operator: operator.overview())


async def test_the_overview_shows_every_state(store, clock):
    await install(store)
    await store.write("T1", lambda uow: uow.inbox.add(new_event("message:C1:1")))
    await store.write("T1", lambda uow: uow.inbox.add(new_event("message:C1:2")))
    await store.write("T1", lambda uow: uow.inbox.add(new_event("timer", due_time=START + timedelta(hours=1))))
    await store.write("T1", lambda uow: uow.inbox.add(new_event("call", kind=HOOK)))
    (dead, *_) = await store.operate(lambda operator: operator.events.claim(1, timedelta(seconds=30)))
    await store.operate(lambda operator: operator.events.bury(dead, "KeyError"))
    for channel in ("C1", "C2"):
        await store.write("T1", lambda uow, c=channel: uow.posts.post(f"to {c}", c, {"text": "Late"}))
    claimed = await store.operate(lambda operator: operator.posts.claim("T1", ("C2",), 1, timedelta(seconds=30)))
    await store.operate(lambda operator: operator.posts.fail(claimed[0], "is_archived"))
    complaint = Complaint(channel="C1", ts="1.1", author="U1", receive_time=START)
    await store.write("T1", lambda uow: uow.complaints.save(complaint))
    clock.move(60)

    (team,) = (await overview(store)).teams
    assert (team.inbox.pending, team.inbox.overdue, team.inbox.oldest_time) == (2, 1, START)
    assert team.inbox.dead == {"KeyError": 1}
    assert (team.plugin_calls.pending, team.plugin_calls.dead) == (1, {})
    assert (team.posts[PostState.PENDING], team.posts[PostState.FAILED], team.parked) == (1, 1, 0)
    assert [(channel.channel, channel.waiting, channel.failed) for channel in team.channels] == [
        ("C1", 0, {"is_archived": 1}),
        ("C2", 1, {}),
    ]
    assert team.complaints == {"received": 1}
    await store.operate(lambda operator: operator.workspaces.mark("T1", InstallationState.DOWN, "token_revoked"))
    (team,) = (await overview(store)).teams
    assert (team.parked, team.installation.reason) == (1, "token_revoked")


@asynccontextmanager
async def housekeeping(store, facts):
    api = SlackApi("http://127.0.0.1:9/api/")
    kept = Housekeeping(store, Installations(store, TokenVault([TEST_KEY]), api, tenant_of={}.get), facts)
    kept.start()
    try:
        yield kept
    finally:
        await kept.stop()
        await api.close()


async def test_a_running_bot_is_listed_until_it_stops_or_its_heartbeats_end(store, clock):
    async with housekeeping(store, lambda: {"mode": "socket", "sockets": 2}):
        await eventually(lambda: processes(store))
        (process,) = await processes(store)
        assert process.facts == {"mode": "socket", "sockets": 2}
        clock.move(0)
    assert await processes(store) == []
    await store.operate(lambda operator: operator.processes.beat("killed", {}))
    assert len(await processes(store)) == 1
    clock.move(61)
    assert await processes(store) == []


async def processes(store):
    return (await overview(store)).processes


async def test_health_readiness_and_counters_are_served(store, clock, monkeypatch):
    readiness = [Readiness(is_ready=False, reason="no socket is open")]
    metrics = BotMetrics(clock.now)

    def shown(overview):
        counts = {"inbox_events": {"received": 3}}
        state = BotState(counts=counts, sockets=2, last_event_time=START, now=clock.now(), overview=overview)
        return render(metrics, state)

    clock.move(90)
    server = HealthServer(store, ready=lambda: readiness[0], metrics=shown, port=0)
    await install(store)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:

            async def get(path):
                async with client.get(path) as answer:
                    return answer.status, await answer.text()

            assert (await get("/healthz"))[0] == 200
            status, text = await get("/readyz")
            assert status == 503
            assert "no socket is open" in text
            readiness[0] = Readiness(is_ready=True)
            assert (await get("/readyz"))[0] == 200
            await store.write("T1", lambda uow: uow.posts.post("late", "C1", {"text": "Late"}))
            clock.move(30)
            scraped = Scrape((await get("/metrics"))[1])
            assert scraped.value("foreword_slack_inbox_events_total", outcome="received") == 3
            assert scraped.value("foreword_slack_outbox_calls_now", team="T1", state="pending") == 1
            assert scraped.value("foreword_slack_outbox_oldest_seconds", team="T1") == 30
            assert scraped.value("foreword_slack_last_event_age_seconds") == 120
            assert scraped.value("foreword_slack_installed", team="T1") == 1
            await store.operate(
                lambda operator: operator.workspaces.mark("T1", InstallationState.DOWN, "token_revoked")
            )
            scraped = Scrape((await get("/metrics"))[1])
            assert scraped.value("foreword_slack_installed", team="T1") == 0
            assert scraped.value("foreword_slack_outbox_parked_calls", team="T1") == 1
            assert scraped.value("foreword_slack_outbox_oldest_seconds", team="T1") == 0

            async def away(work):
                raise UnavailableError("away")

            monkeypatch.setattr(store, "survey", away)
            assert (await get("/readyz"))[0] == 503
            scraped = Scrape((await get("/metrics"))[1])
            assert scraped.value("foreword_slack_store_available") == 0
            assert scraped.value("foreword_slack_socket_connected") == 2
    finally:
        await server.stop()
    await asyncio.sleep(0)
