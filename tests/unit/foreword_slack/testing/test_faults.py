"""Calls fail as planned."""

from __future__ import annotations

import time

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword_slack.testing import CallFault, FakeSlack, FaultPlan, RetryAfter, Workspace


async def test_a_cut_connection_does_not_reveal_whether_the_post_was_accepted(
    slack: FakeSlack, acme: Workspace, web: AsyncWebClient
):
    channel = acme.add_channel("complaints")
    web.retry_handlers = []
    for fault, posts in ((CallFault.CUT_BEFORE, 0), (CallFault.CUT_AFTER, 1)):
        slack.faults.fail_calls(fault, method="chat.postMessage")

        with pytest.raises(aiohttp.ClientConnectionError):
            await web.chat_postMessage(channel=channel.id, text="x")

        assert len(channel.shown) == posts


@pytest.mark.parametrize(("fault", "posts"), [(CallFault.INTERNAL_ERROR, 0), (CallFault.INTERNAL_ERROR_AFTER, 1)])
async def test_an_internal_error_may_have_partly_succeeded(
    slack: FakeSlack, acme: Workspace, web: AsyncWebClient, fault: CallFault, posts: int
):
    channel = acme.add_channel("complaints")
    slack.faults.fail_calls(fault)

    with pytest.raises(SlackApiError, match="internal_error"):
        await web.chat_postMessage(channel=channel.id, text="x")

    assert len(channel.shown) == posts


@pytest.mark.parametrize(
    ("how", "header"), [(RetryAfter.SECONDS, "2"), (RetryAfter.MISSING, None), (RetryAfter.ZERO, "0")]
)
async def test_a_429_has_a_retry_after_header_or_not(
    slack: FakeSlack, web: AsyncWebClient, how: RetryAfter, header: str | None
):
    slack.faults.retry_after = how
    slack.faults.fail_calls(CallFault.RATE_LIMITED)

    with pytest.raises(SlackApiError) as caught:
        await web.auth_test()

    assert caught.value.response.status_code == 429
    assert caught.value.response.headers.get("Retry-After") == header


async def test_a_broken_slack_answers_in_html_or_not_in_json(slack: FakeSlack, acme: Workspace):
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {acme.token}"}) as session:
        for fault, status, kind in (
            (CallFault.HTML_500, 500, "text/html"),
            (CallFault.HTML_503, 503, "text/html"),
            (CallFault.NOT_JSON, 200, "application/json"),
        ):
            slack.faults.fail_calls(fault)
            async with session.post(f"{slack.api_url}auth.test") as answer:
                assert (answer.status, answer.content_type) == (status, kind)


async def test_a_request_can_hang_for_half_a_minute():
    async with FakeSlack(speed=100) as slack:
        acme = slack.add_team()
        web = AsyncWebClient(token=acme.token, base_url=slack.api_url, retry_handlers=[])
        slack.faults.fail_calls(CallFault.HANG)
        started = time.monotonic()
        with pytest.raises(aiohttp.ClientConnectionError):
            await web.auth_test()

    assert 0.3 <= time.monotonic() - started < 20


async def test_a_planned_error_affects_only_the_calls_it_is_planned_for(
    slack: FakeSlack, acme: Workspace, web: AsyncWebClient
):
    one, other = acme.add_channel("one"), acme.add_channel("other")
    slack.faults.fail_calls("fatal_error", method="chat.postMessage", channel=one.id)

    await web.chat_postMessage(channel=other.id, text="x")
    with pytest.raises(SlackApiError, match="fatal_error"):
        await web.chat_postMessage(channel=one.id, text="x")
    await web.chat_postMessage(channel=one.id, text="x")


def test_a_seed_repeats_the_faults():
    rates = {CallFault.CUT_AFTER: 0.1, CallFault.HTML_500: 0.1}
    runs = [
        [plan.draw_call("chat.postMessage", {}) for _ in range(200)]
        for plan in (FaultPlan(seed=3, calls=rates), FaultPlan(seed=3, calls=rates), FaultPlan(seed=4, calls=rates))
    ]

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert 5 < runs[0].count(CallFault.CUT_AFTER) < 50


def test_rates_above_one_are_refused():
    with pytest.raises(ValueError, match="at most 1"):
        FaultPlan(calls={CallFault.CUT_AFTER: 0.6, CallFault.HANG: 0.6})
