"""The check names what is missing, with the remedy, and changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from factories.api import create_experiment, deployment_request, upload, wait_for_deployment
from factories.bots import LIMITS, Access, make_office, office_secrets, office_values
from foreword.client import AnswerCalibration, CalibrationSource, PrecisionThreshold
from foreword_slack.config import BotConfig
from foreword_slack.console import check_all
from foreword_slack.scopes import REQUIRED
from foreword_slack.testing import FakeSlack

CALIBRATION = AnswerCalibration(
    temperature=1.0, source=CalibrationSource.HELD_OUT, row_count=40, fitted_row_count=40,
    expected_calibration_error_before=0.1, expected_calibration_error_after=0.1,
    thresholds=(PrecisionThreshold(precision=0.9, probability=0.7, row_count=20, right_count=20, label="Planning"),),
)  # fmt: skip


async def found(access: Access, change=lambda office: None, secrets=lambda secrets: secrets, **team) -> dict[str, str]:
    """Run the check on an office, and return the faults by their place."""
    async with FakeSlack(limits=LIMITS) as slack:
        office = make_office(slack)
        change(office)
        config = BotConfig.model_validate(
            {
                "service": {"endpoint": access.endpoint},
                "slack": {"api_url": slack.api_url},
                "teams": [office_values(office, access, **team)],
            }
        )
        faults = await check_all(config, secrets(office_secrets(office, access)), clock=slack.clock)
        assert slack.journal.posts == []
        return {
            fault.where.removeprefix(office.workspace.id).strip(): f"{fault.problem}. {fault.remedy}"
            for fault in faults
        }


async def test_a_workspace_that_is_ready_has_no_faults(access):
    assert await found(access) == {}


async def test_missing_scopes_are_named_with_their_purpose(access):
    def change(office):
        office.workspace.grant_only(*(set(REQUIRED) - {"metadata.message:read"}), "im:history", "files:write")

    faults = await found(access, change)

    assert set(faults) == {"scope metadata.message:read", "scope app_mentions:read"}
    assert "install the app again" in faults["scope metadata.message:read"]


async def test_channels_are_checked_one_by_one(access):
    def change(office):
        office.boss.archive(office.departments["Service"])
        office.departments["Planning"].members.discard(office.workspace.bot.id)

    faults = await found(access, change, review_channel="C0NOWHERE")

    by_use = {where.split("(")[1].rstrip(")"): text for where, text in faults.items()}
    assert set(by_use) == {"Service", "Planning", "review"}
    assert "archived" in by_use["Service"]
    assert "/invite @foreword" in by_use["Planning"]
    assert "channel_not_found" in by_use["review"]


@pytest.mark.parametrize("name", ["bot token", "app token"])
async def test_a_token_that_slack_refuses_is_named(access, name):
    def wrong(secrets):
        if name == "app token":
            return replace(secrets, app_token="xapp-wrong")
        return replace(secrets, bot_tokens=dict.fromkeys(secrets.bot_tokens, "xoxb-wrong"))

    faults = await found(access, secrets=wrong)

    assert list(faults) == [name]
    assert "invalid_auth" in faults[name]


async def test_the_key_must_belong_to_the_tenant(access):
    faults = await found(access, tenant="somebody-else")

    assert "belongs to tenant complaints-office" in faults["service"]


async def test_labels_and_departments_are_compared(access):
    def named(label: str) -> dict[str, str]:
        return {"label": label, "channel": "C0NOWHERE"}

    faults = await found(access, departments=[*map(named, ("Planning", "Service", "Finance"))])

    texts = faults["deployment complaints"]
    assert "never answers 'Finance'" in texts


async def test_a_precision_that_the_model_is_not_known_to_keep_is_a_warning(access, server):
    precise = {"thresholds": {"min_precision": 0.9}}
    without = await found(access, **precise)
    stubs = server.stubs(access.key)
    run = create_experiment(stubs, upload(stubs).name)
    model = server.tune_by_hand(run.name, calibration=CALIBRATION)
    created = stubs.deployments.CreateDeployment(deployment_request(model, serving_name="calibrated"))
    wait_for_deployment(stubs, created.name)
    calibrated = await found(access, deployment="calibrated", **precise)

    assert "the model has no calibration" in without["thresholds.min_precision"]
    assert "Service, Warehouse, Marketing, so complaints" in calibrated["thresholds.min_precision"]


async def test_a_deployment_that_is_not_there_is_named_with_the_command_that_makes_one(access):
    faults = await found(access, deployment="gone")

    assert "foreword deploy MODEL --name gone" in faults["deployment gone"]


async def test_missing_administrators_are_a_warning(access):
    assert "List people in `administrators`" in (await found(access, administrators=[]))["administrators"]


async def test_an_unreachable_service_is_named(access):
    faults = await found(replace(access, endpoint="127.0.0.1:1"))

    assert "No service answers at 127.0.0.1:1" in faults["service"]
