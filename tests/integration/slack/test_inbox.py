"""The inbox handles events once, in order, again after a crash, and gives them up with a reason."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random

import pytest

from factories.slack import new_event
from factories.waiting import eventually
from foreword.errors import LeaseLostError, UnavailableError
from foreword_slack.inbox import HopelessError, Inbox, InboxSettings, PostponedError
from foreword_slack.store.tables import InboxRow

LEASE = timedelta(seconds=30)


@asynccontextmanager
async def running(store, handle, **settings):
    inbox = Inbox(store, handle, settings=InboxSettings(**settings), random=Random(1))
    inbox.start()
    try:
        yield inbox
    finally:
        await inbox.stop(grace_seconds=0.1)


def claim(limit=10):
    return lambda operator: operator.events.claim(limit, LEASE)


async def test_an_event_that_comes_twice_is_handled_once(store):
    handled = []

    async def handle(event):
        handled.append(event.dedupe_key)

    async with running(store, handle) as inbox:
        assert await inbox.put(new_event())
        assert not await inbox.put(new_event())
        await eventually(lambda: inbox.counts["handled"])
        assert not await inbox.put(new_event())
    assert handled == ["message:C1:1.1"]
    assert (inbox.counts["received"], inbox.counts["repeated"]) == (1, 2)


async def test_the_same_event_put_concurrently_is_stored_once(store):
    async def handle(event):
        pass

    inbox = Inbox(store, handle)
    assert sorted(await asyncio.gather(*(inbox.put(new_event()) for _ in range(8)))) == [False] * 7 + [True]


async def test_a_handled_event_keeps_no_text(store):
    async def handle(event):
        await store.write(event.team, lambda uow: uow.inbox.done(event))

    async with running(store, handle) as inbox:
        await inbox.put(new_event(payload={"text": "my card is 4111 1111 1111 1111"}))
        await eventually(lambda: inbox.counts["handled"])
    row = await store.survey(lambda operator: operator.session.query(InboxRow).one())
    assert (row.state, row.payload) == ("done", None)


async def test_a_bot_that_died_loses_no_event(store, clock):
    """The lease expires, another bot handles the event, and the first one can no longer commit anything."""
    inbox = Inbox(store, lambda event: asyncio.sleep(0))
    await inbox.put(new_event())
    (dead,) = await store.operate(claim())
    assert await store.operate(claim()) == []
    clock.move(31)
    (alive,) = await store.operate(claim())
    assert (alive.key, alive.attempt) == (dead.key, 2)
    with pytest.raises(LeaseLostError):
        await store.write("T1", lambda uow: uow.inbox.done(dead))
    await store.write("T1", lambda uow: uow.inbox.done(alive))


async def test_a_failing_event_waits_longer_each_time_and_is_given_up_with_a_reason(store, clock):
    began = []

    async def handle(event):
        began.append(clock.now())
        raise UnavailableError("the model is away")

    async with running(store, handle, max_attempts=3) as inbox:
        await inbox.put(new_event())

        def dead():
            clock.move(0.01)
            return inbox.counts["dead"]

        await eventually(dead)
    assert len(began) == 3
    assert began[1] - began[0] < timedelta(seconds=1.5)
    (line,) = await store.read("T1", lambda uow: uow.audit.lines())
    assert (line.action, line.facts) == ("event_given_up", {"kind": "message", "reason": "UNAVAILABLE"})
    assert await store.operate(lambda operator: operator.events.revive("T1")) == 1
    assert len(await store.operate(claim())) == 1


async def test_a_hopeless_event_is_given_up_at_once(store):
    async def handle(event):
        raise HopelessError("message_unknown")

    async with running(store, handle) as inbox:
        await inbox.put(new_event())
        await eventually(lambda: inbox.counts["dead"])
    assert inbox.counts["failed"] == 0


async def test_an_edit_that_comes_first_waits_for_its_message(store, clock):
    handled = []

    async def handle(event):
        if event.kind == "edit" and "message" not in handled:
            raise PostponedError(5, "message_not_there_yet")
        handled.append(event.kind)

    async with running(store, handle, max_attempts=1) as inbox:
        await inbox.put(new_event("edit:C1:1.1:2.2", kind="edit", subject="C1:1.1", position=2))
        await eventually(lambda: inbox.counts["postponed"])
        await inbox.put(new_event("message:C1:1.1", subject="C1:1.1", position=1))
        await eventually(lambda: handled == ["message"])
        clock.move(5)
        await eventually(lambda: handled == ["message", "edit"])
    assert inbox.counts["dead"] == 0


async def test_events_of_one_complaint_are_handled_in_order_and_never_at_once(store):
    running_now, handled = set(), []

    async def handle(event):
        assert event.subject not in running_now
        running_now.add(event.subject)
        await asyncio.sleep(0.01)
        running_now.remove(event.subject)
        handled.append((event.subject, event.position))

    inbox = Inbox(store, handle, settings=InboxSettings(workers=8))
    for position in (3, 1, 2):
        for subject in ("C1:1.1", "C1:2.2"):
            await inbox.put(new_event(f"{subject}:{position}", subject=subject, position=position))
    inbox.start()
    await eventually(lambda: len(handled) == 6)
    await inbox.stop()
    for subject in ("C1:1.1", "C1:2.2"):
        assert [position for other, position in handled if other == subject] == [1, 2, 3]


async def test_a_timer_does_not_block_earlier_events(store, clock):
    due = clock.now() + timedelta(hours=1)
    await store.write(
        "T1",
        lambda uow: uow.inbox.add(
            new_event("timer", subject="C1:1.1", position=int(due.timestamp() * 1e6), due_time=due)
        ),
    )
    await store.write("T1", lambda uow: uow.inbox.add(new_event("edit", subject="C1:1.1", position=1)))
    assert [event.dedupe_key for event in await store.operate(claim())] == ["edit"]
    clock.move(3600)
    assert await store.operate(claim()) != []


async def test_a_workspace_with_a_backlog_does_not_delay_another(store):
    for number in range(20):
        await store.write("T1", lambda uow, n=number: uow.inbox.add(new_event(f"message:C1:{n}")))
    await store.write("T2", lambda uow: uow.inbox.add(new_event("message:C1:1", team="T2")))
    assert "T2" in [event.team for event in await store.operate(claim(2))]


async def test_an_event_in_progress_keeps_its_lease(store, clock):
    release = asyncio.Event()

    async def handle(event):
        await release.wait()

    async with running(store, handle, lease_seconds=30) as inbox:
        await inbox.put(new_event())
        await eventually(lambda: inbox._in_progress)
        for _ in range(5):
            clock.move(10)
            await asyncio.sleep(0.05)
        assert await store.operate(claim()) == []
        release.set()
        await eventually(lambda: inbox.counts["handled"])


async def test_stopping_releases_the_events_in_progress(store):
    async def handle(event):
        await asyncio.sleep(60)

    async with running(store, handle) as inbox:
        await inbox.put(new_event())
        await eventually(lambda: inbox._in_progress)
    (again,) = await store.operate(claim())
    assert again.attempt == 1


async def test_events_that_ended_long_ago_are_purged(store, clock):
    await store.write("T1", lambda uow: uow.inbox.add(new_event()))
    (event,) = await store.operate(claim())
    await store.write("T1", lambda uow: uow.inbox.done(event))
    before = clock.now()
    assert await store.operate(lambda operator: operator.events.purge(before)) == 0
    assert await store.operate(lambda operator: operator.events.purge(before + LEASE)) == 1


async def test_a_burst_is_stored_in_few_transactions(store, monkeypatch):
    sizes = []
    add_events = store.add_events

    async def count(events):
        sizes.append(len(events))
        return await add_events(events)

    monkeypatch.setattr(store, "add_events", count)
    inbox = Inbox(store, lambda event: asyncio.sleep(0))
    fresh = await asyncio.gather(*(inbox.put(new_event(f"message:C1:{number % 50}")) for number in range(100)))
    assert (sum(fresh), sum(sizes)) == (50, 100)
    assert len(sizes) < 10


async def test_an_event_that_the_database_refuses_does_not_affect_others(store):
    inbox = Inbox(store, lambda event: asyncio.sleep(0))
    kept, refused = await asyncio.gather(
        inbox.put(new_event()), inbox.put(new_event("message:C1:2", payload={"text": object()})), return_exceptions=True
    )
    assert kept is True
    assert isinstance(refused, Exception)


async def test_an_event_that_crashes_the_bot_each_time_is_given_up(store, clock):
    handled = []

    async def handle(event):
        handled.append(event)

    await store.write("T1", lambda uow: uow.inbox.add(new_event()))
    for _ in range(3):
        assert len(await store.operate(claim())) == 1  # and the bot dies
        clock.move(31)
    async with running(store, handle, max_attempts=1) as inbox:
        await eventually(lambda: inbox.counts["dead"])
    assert handled == []


async def test_the_text_of_people_is_not_logged(store, capsys):
    async def handle(event):
        raise ValueError(event.payload["text"])

    async with running(store, handle, max_attempts=1) as inbox:
        await inbox.put(new_event(payload={"text": "My card is 4111 1111 1111 1111"}))
        await eventually(lambda: inbox.counts["dead"])
    shown = capsys.readouterr().out
    assert "event_given_up" in shown
    assert "test_inbox.py:" in shown
    assert "4111" not in shown
