"""The bot starts despite faults of one workspace, reports its status and stops in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace

import aiohttp
import pytest

from factories.bots import make_office, office_secrets, office_values, running_office, start_bot
from factories.ports import free_port
from factories.scrapes import Scrape
from factories.waiting import eventually
from foreword.errors import FailedPreconditionError, InvalidArgumentError
from foreword_slack.config import BotConfig
from foreword_slack.console import run_bot, status_lines
from foreword_slack.store import Store
from foreword_slack.testing import FakeSlack

COMPLAINT = "Two screws are missing from the box."


def office_config(office, access, folder, **slack) -> BotConfig:
    return BotConfig.model_validate(
        {
            "service": {"endpoint": access.endpoint},
            "store": {"url": f"sqlite:///{folder}/slack.db"},
            "slack": {"mode": "socket", "api_url": office.slack.api_url} | slack,
            "health": {"port": free_port()},
            "teams": [office_values(office, access)],
        }
    )


async def test_the_status_shows_what_could_not_be_posted(access, tmp_path):
    async with running_office(access, tmp_path) as office:
        for channel in office.departments.values():
            office.boss.archive(channel)
        office.ann.post(office.complaints, COMPLAINT)

        await office.asked()

        lines = "\n".join(await status_lines(office.bot.store, office.bot.config))
        assert "1 given up, is_archived" in lines


async def test_a_token_that_slack_refuses_does_not_affect_other_workspaces(access, tmp_path):
    async with FakeSlack(speed=8) as slack:
        office = make_office(slack)
        broken = make_office(slack)
        broken.workspace.revoke_token(notify=False)
        config = office_config(office, access, tmp_path, mode="http", port=0)
        teams = (*config.teams, config.teams[0].model_copy(update={"team": broken.workspace.id}))
        config = config.model_copy(update={"teams": teams})
        secrets = office_secrets(office, access)
        tokens = {**secrets.bot_tokens, broken.workspace.id: broken.workspace.token}
        keys = {**secrets.api_keys, broken.workspace.id: access.key}
        office.bot = await start_bot(config, office, access, secrets=replace(secrets, bot_tokens=tokens, api_keys=keys))
        try:
            office.ann.post(office.complaints, COMPLAINT)
            assert await office.posted()
        finally:
            await office.bot.stop()


async def test_the_bot_reports_an_unreachable_service_and_listens_nevertheless(access, tmp_path):
    async with FakeSlack() as slack:
        office, lines_shown = make_office(slack), []
        config = office_config(office, replace(access, endpoint="127.0.0.1:1"), tmp_path)
        running = asyncio.create_task(
            run_bot(config, office_secrets(office, access), checked=True, report=lines_shown.append)
        )
        await eventually(lambda: slack.sockets.sockets)
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    assert "No service answers at 127.0.0.1:1" in lines_shown[0]


async def test_a_bot_without_a_working_workspace_reports_why_and_does_not_start(access, tmp_path):
    async with FakeSlack() as slack:
        office = make_office(slack)
        office.boss.archive(office.complaints)
        config = office_config(office, access, tmp_path)
        with pytest.raises(FailedPreconditionError, match="it is archived"):
            await run_bot(config, office_secrets(office, access), checked=True, report=print)


async def test_a_token_of_another_workspace_is_refused(access, tmp_path):
    async with FakeSlack(speed=8) as slack:
        office, other = make_office(slack), make_office(slack)
        config = office_config(office, access, tmp_path, mode="http", port=0)
        secrets = replace(office_secrets(office, access), bot_tokens={office.workspace.id: other.workspace.token})
        with pytest.raises(InvalidArgumentError, match=other.workspace.id):
            await start_bot(config, office, access, secrets=secrets)


async def test_the_bot_runs_until_it_is_stopped_and_reports_its_state(access, tmp_path):
    async with FakeSlack() as slack:
        office = make_office(slack)
        config, lines_shown = office_config(office, access, tmp_path), []
        running = asyncio.create_task(
            run_bot(
                config,
                office_secrets(office, access),
                checked=False,
                report=lines_shown.append,
            )
        )
        await eventually(lambda: lines_shown)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{config.health.port}") as client:

            async def ready():
                async with client.get("/readyz") as answer:
                    return answer.status == 200

            await eventually(ready)
            office.ann.post(office.complaints, COMPLAINT)
            await office.posted()
            async with client.get("/metrics") as answer:
                text = await answer.text()
        scraped = Scrape(text)
        team = office.workspace.id
        assert scraped.value("foreword_slack_inbox_events_total", outcome="received") == 1
        assert scraped.value("foreword_slack_complaints_total", team=team, outcome="auto") == 1
        assert scraped.value("foreword_slack_routes_total", team=team) >= 1
        assert scraped.value("foreword_slack_confidence_count", team=team) == 1
        assert scraped.value("foreword_slack_complaint_to_post_seconds_count", team=team) >= 1
        assert scraped.value("foreword_slack_ack_seconds_count") >= 1
        assert scraped.value("foreword_slack_socket_connected") >= 1
        assert not [secret for secret in (COMPLAINT, office.ann.id, office.complaints.id) if secret in text]
        store = await Store.open(config.store.url)
        lines = "\n".join(await status_lines(store, config))
        assert "Running: " in lines
        assert "Inbox: 0 pending" in lines

        os.kill(os.getpid(), signal.SIGTERM)
        await running

        assert "Stopping" in lines_shown[-1]
        assert "No bot is running." in "\n".join(await status_lines(store, config))
        await store.close()
        assert not slack.sockets.sockets


async def test_the_status_contains_no_text_of_people(access, tmp_path, capsys):
    async with running_office(access, tmp_path) as office:
        office.ann.post(office.complaints, f"{COMPLAINT} Write to ann@example.com.")
        await office.posted()
        await office.handled()
        lines = await status_lines(office.bot.store, office.bot.config)
        shown = json.dumps([lines, office.bot.facts()]) + capsys.readouterr().out
    assert "screws" not in shown
    assert "ann@example.com" not in shown
