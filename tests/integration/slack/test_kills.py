"""A bot that is killed at any moment: what Slack was told arrived is posted, and posted once."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import shutil
from collections import Counter

from factories.slack import eventually
from factories.slack_bot_process import work
from factories.slack_bots import TEST_KEY
from foreword_slack.clock import ScaledClock
from foreword_slack.testing import FakeSlack, Limits

# Forked from a clean process that has imported what takes long: milliseconds where a new interpreter costs seconds.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "foreword_slack.installations", "foreword_slack.transport.http"])

KILLS = 3
SPEED = 10


async def test_what_was_acknowledged_is_posted_once_however_often_the_bot_is_killed(migrated_slack_file, tmp_path):
    chance = random.Random(11)
    clock = ScaledClock(SPEED)
    # Ten posts a second: the test is about what is lost and doubled, not about the pace.
    async with FakeSlack(clock=clock, limits=Limits(posts_per_second=10, post_burst=50)) as slack:
        slack.app.honours_client_msg_id = False  # the bot alone sees to it that nothing is posted twice
        acme = slack.add_team("Acme")
        ann = acme.add_user("ann")
        complaints, billing = acme.add_channel("complaints", ann), acme.add_channel("billing", ann)
        options = {
            "store": f"sqlite:///{shutil.copy(migrated_slack_file, tmp_path / 'slack.db')}",
            "api_url": slack.api_url,
            "team": acme.id,
            "post_to": billing.id,
            "key": TEST_KEY,
            "bot_token": acme.token,
            "app_token": slack.app.app_token,
            "speed": SPEED,
            "origin": clock.origin,
        }

        async def start():
            opened = slack.sockets.opened
            process = CONTEXT.Process(target=work, args=(options,), daemon=True)
            process.start()
            await eventually(lambda: slack.sockets.opened > opened, seconds=60)
            return process

        async def kill(process):
            process.kill()
            await asyncio.to_thread(process.join)

        for round in range(KILLS):
            process = await start()
            for number in range(8):
                ann.post(complaints, f"{round}.{number}: a screw is missing.")
                await asyncio.sleep(chance.uniform(0.0, 0.06))
            await asyncio.sleep(chance.uniform(0.0, 0.8))
            await kill(process)

        process = await start()
        try:
            await slack.settle(wall_seconds=90)
            acknowledged = {
                delivery.payload["event"]["text"]
                for delivery in slack.journal.deliveries
                if delivery.acked and delivery.payload["event"].get("user") == ann.id
            }
            posted = Counter[str]()

            def all_posted():
                nonlocal posted
                posted = Counter(message.text for message in slack.journal.posts_in(billing.id))
                return acknowledged <= set(posted)

            await eventually(all_posted, seconds=60)
            await asyncio.sleep(1.0)  # time for a second post of the same, if there were one
            all_posted()
        finally:
            await kill(process)
    assert len(acknowledged) > KILLS
    assert set(posted.values()) == {1}
