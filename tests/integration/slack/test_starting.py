"""The start survives what passes: rate limits, outages and errors of Slack, however many departments there are."""

from __future__ import annotations

import pytest

from factories.bots import LIMITS, make_office, office_secrets, office_values, start_bot
from foreword_slack.check import find_blocking
from foreword_slack.config import BotConfig
from foreword_slack.console import check_all
from foreword_slack.testing import CallFault, FakeSlack, FaultPlan, Limits

PASSING = [
    CallFault.RATE_LIMITED,
    CallFault.HTML_503,
    CallFault.INTERNAL_ERROR,
    CallFault.NOT_JSON,
    CallFault.CUT_BEFORE,
]


def config_of(office, access, folder, **team) -> BotConfig:
    return BotConfig.model_validate(
        {
            "service": {"endpoint": access.endpoint},
            "store": {"url": f"sqlite:///{folder}/slack.db"},
            "slack": {"mode": "http", "port": 0, "api_url": office.slack.api_url},
            "teams": [office_values(office, access, **team)],
        }
    )


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("method", ["auth.test", "conversations.info"])
async def test_one_failure_that_passes_does_not_end_the_start(access, tmp_path, method, fault):
    plan = FaultPlan()
    async with FakeSlack(speed=100, faults=plan, limits=LIMITS) as slack:
        office, said = make_office(slack), []
        config = config_of(office, access, tmp_path)
        plan.fail_calls(fault, method=method)

        faults = await check_all(config, office_secrets(office, access), clock=slack.clock, report=said.append)

        assert faults == []
        if fault is not CallFault.CUT_BEFORE:  # aiohttp itself repeats a read over a connection that was cut
            assert f"Slack does not answer {method} now" in said[0]
        plan.fail_calls(fault, method="auth.test")
        office.bot = await start_bot(config, office, access)
        try:
            office.ann.post(office.complaints, "The box is torn.")
            await office.posted()
        finally:
            await office.bot.stop()


async def test_a_slack_that_does_not_answer_for_long_is_no_fault_of_the_token(access, tmp_path):
    plan = FaultPlan()
    async with FakeSlack(speed=2000, faults=plan, limits=LIMITS) as slack:
        office = make_office(slack)
        plan.fail_calls(CallFault.HTML_503, method="auth.test", times=100)

        (fault,) = await check_all(
            config_of(office, access, tmp_path), office_secrets(office, access), clock=slack.clock
        )

        assert str(fault).startswith("Slack: it cannot be reached (http_503)")
        assert find_blocking([fault], [office.workspace.id]) == []


async def test_a_workspace_with_sixty_departments_is_checked_within_slacks_limits(access, tmp_path):
    async with FakeSlack(speed=60) as slack:
        office, said = make_office(slack), []
        departments = [
            {"label": f"D{number}", "channel": office.workspace.add_channel(f"d{number}").id} for number in range(60)
        ]
        config = config_of(office, access, tmp_path, departments=departments)

        faults = await check_all(config, office_secrets(office, access), clock=slack.clock, report=said.append)

        assert [str(fault) for fault in faults if "channel" in fault.where or fault.where == "Slack"] == []
        calls = [call for call in slack.journal.calls if call.method == "conversations.info"]
        assert sum(call.outcome == "ok" for call in calls) == 62
        assert len(said) == sum(call.outcome == "ratelimited" for call in calls) <= 2
        assert Limits().tier_factor == 1.0, "the fake is as strict as Slack's documents"
