"""A token that Slack refuses is tried again, and the renewal of one survives what passes."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta

import aiohttp
import pytest

from factories.slack import HandClock
from factories.slack_bots import bot_parts
from factories.waiting import eventually
from foreword_slack.delivery.clients import TokenNotRenewedError
from foreword_slack.health import HealthServer, Readiness
from foreword_slack.housekeeping import Housekeeping
from foreword_slack.store import InstallationState, PostState, Store
from foreword_slack.testing import App, CallFault, FakeSlack, FaultPlan


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def store(migrated_slack_file, tmp_path, clock):
    shutil.copy(migrated_slack_file, tmp_path / "slack.db")
    opened = await Store.open(f"sqlite:///{tmp_path / 'slack.db'}", clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
async def slack():
    async with FakeSlack(faults=FaultPlan(), app=App(rotates_tokens=True)) as running:
        yield running


@pytest.fixture
def acme(slack):
    return slack.add_team("Acme")


@pytest.fixture
async def parts(store, slack, acme):
    async with bot_parts(
        store, api_url=slack.api_url, tenants={acme.id: "acme"}, client_secret=slack.app.client_secret
    ) as made:
        yield made


def calls_of(slack, method):
    return [call for call in slack.journal.calls if call.method == method]


async def state_of(store, acme):
    return (await store.read(acme.id, lambda uow: uow.installation)).state


async def test_a_refused_workspace_is_tried_again_at_growing_intervals_and_its_posts_are_made(
    parts, slack, acme, store, clock
):
    await parts.installations.install_token(acme.id, acme.token)
    channel = acme.add_channel("billing")
    slack.faults.fail_calls("invalid_auth", method="chat.postMessage")
    slack.faults.fail_calls("invalid_auth", method="auth.test", times=3)
    await store.write(acme.id, lambda uow: uow.posts.post("route", channel.id, {"text": "Late"}))
    parts.outbox.start()
    housekeeping = Housekeeping(store, parts.installations, dict)
    housekeeping.start()
    health = HealthServer(
        store, teams=[acme.id], ready=lambda: Readiness(is_ready=True), metrics=lambda overview: "", port=0
    )
    await health.start()
    try:

        async def is_down():
            return await state_of(store, acme) is InstallationState.DOWN

        await eventually(is_down)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{health.port}") as client:
            async with client.get("/readyz") as answer:
                assert answer.status == 503
                assert (await answer.json())["down"] == {acme.id: "invalid_auth"}
            begin, probes = clock.now(), []

            async def is_up():
                clock.move(15)
                await asyncio.sleep(0.01)
                count = len(calls_of(slack, "auth.test"))
                if count > len(probes):
                    probes.extend([clock.now()] * (count - len(probes)))
                return not await is_down()

            probes.extend([begin] * len(calls_of(slack, "auth.test")))
            first = len(probes)
            await eventually(is_up)
            waits = [later - earlier for earlier, later in zip([begin, *probes[first:]], probes[first:], strict=False)]
            assert len(waits) == 4
            assert waits == sorted(waits)
            assert waits[-1] >= timedelta(minutes=6)
            await eventually(lambda: slack.journal.posts_in(channel.id))
            async with client.get("/readyz") as answer:
                assert answer.status == 200
    finally:
        await health.stop()
        await housekeeping.stop()
        await parts.outbox.stop()
    assert (await store.read(acme.id, lambda uow: uow.posts.get("route"))).state is PostState.SENT


async def test_a_workspace_that_was_refused_at_its_first_start_is_installed_later(parts, slack, acme, store, clock):
    slack.faults.fail_calls("invalid_auth", method="auth.test")
    await parts.installations.install_token(acme.id, acme.token)
    assert await store.read(acme.id, lambda uow: uow.installation) is None

    await parts.installations.try_again()
    clock.move(61)
    await parts.installations.try_again()

    assert await state_of(store, acme) is InstallationState.ACTIVE


async def rotating(parts, slack, acme, store):
    """Install the bot with a token that has expired, and can be renewed."""
    await parts.installations.install_token(acme.id, acme.token)
    vault = parts.installations._vault
    sealed = vault.seal(
        {"bot_token": acme.token, "bot_refresh_token": acme.installation.refresh_token, "installer": ""}
    )

    def change(operator):
        from dataclasses import replace

        known = operator.workspaces.get(acme.id)
        operator.workspaces.save(replace(known, sealed=sealed, token_expire_time=operator.now - timedelta(hours=1)))

    await store.operate(change, team=acme.id)


@pytest.mark.parametrize(
    "fault", [CallFault.RATE_LIMITED, CallFault.HTML_503, CallFault.CUT_BEFORE, "internal_error", "something_new"]
)
async def test_a_renewal_that_fails_for_now_is_tried_again_and_not_before_slack_permits_it(
    parts, slack, acme, store, clock, fault
):
    await rotating(parts, slack, acme, store)
    slack.faults.fail_calls(fault, method="oauth.v2.access")

    with pytest.raises(TokenNotRenewedError):
        await parts.installations.renew(acme.id)
    with pytest.raises(TokenNotRenewedError):
        await parts.installations.renew(acme.id)

    assert len(calls_of(slack, "oauth.v2.access")) == 1, "the second attempt waits"
    clock.move(301)
    assert await parts.installations.renew(acme.id)
    assert (await parts.installations.client(acme.id)).token == acme.token


async def test_a_renewal_that_slack_refuses_is_final(parts, slack, acme, store):
    await rotating(parts, slack, acme, store)
    slack.faults.fail_calls("invalid_refresh_token", method="oauth.v2.access")

    assert not await parts.installations.renew(acme.id)


async def test_tokens_are_encrypted_again_with_a_new_key(parts, slack, acme, store):
    from cryptography.fernet import Fernet

    from factories.slack_bots import TEST_KEY

    await parts.installations.install_token(acme.id, acme.token)
    new = Fernet.generate_key().decode()
    async with bot_parts(store, api_url=slack.api_url, tenants={acme.id: "acme"}, key=new) as strange:
        await strange.installations.reseal_all()  # it knows only the new key, and leaves the token alone
    async with bot_parts(store, api_url=slack.api_url, tenants={acme.id: "acme"}, key=f"{new},{TEST_KEY}") as both:
        await both.installations.reseal_all()
    async with bot_parts(store, api_url=slack.api_url, tenants={acme.id: "acme"}, key=new) as after:
        assert (await after.installations.client(acme.id)).token == acme.token
