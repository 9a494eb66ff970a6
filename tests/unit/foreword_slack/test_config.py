from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from foreword.errors import InvalidArgumentError
from foreword_slack.config import BotConfig, TeamConfig, load_config, parse_config
from foreword_slack.secrets import read_secrets

EXAMPLE = Path(__file__).parents[3] / "deploy" / "slack" / "foreword-slack.example.yaml"
LEAST = """
teams:
  - team: T01
    tenant: acme
    deployment: complaints
    complaint_channels: [C01]
    review_channel: C02
    departments: [{label: Service, channel: C03}]
"""


def faults(text: str) -> dict[str, str]:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_config(text)
    return {item.field: item.description for item in caught.value.violations}


def test_the_example_is_valid():
    team = load_config(EXAMPLE).teams[0]

    assert team.departments[0].label == "Warehouse"
    assert team.departments[0].acknowledgement is not None


def test_the_example_shows_every_key_with_its_default():
    text = EXAMPLE.read_text()
    uncommented = re.sub(r"^(\s*)# (\w+: .*)$", r"\1\2", text, flags=re.M)
    shown = yaml.safe_load(uncommented)

    assert missing_keys(BotConfig, shown) == []
    assert parse_config(uncommented.replace("mode: socket", "mode: http")).timers == BotConfig.model_construct().timers


def missing_keys(model: type[BaseModel], values: object, path: str = "") -> list[str]:
    """Return the keys of the model, including sections, that the values do not contain."""
    assert isinstance(values, dict)
    missing = []
    for name, field in model.model_fields.items():
        if name not in values:
            missing.append(f"{path}{name}")
        elif name == "departments":
            missing += missing_keys(
                TeamConfig.model_fields[name].annotation.__args__[0], values[name][0], "department."
            )
        elif name == "teams":
            missing += missing_keys(TeamConfig, values[name][0], "teams.")
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            missing += missing_keys(field.annotation, values[name], f"{path}{name}.")
    return missing


def test_missing_keys_have_defaults():
    config = parse_config(LEAST)

    assert config.slack.mode == "socket"
    assert config.teams[0].thresholds.probability == 0.5
    assert config.teams[0].thresholds.min_precision == 0.7
    assert config.team("T01") is config.teams[0]
    assert config.team("T02") is None


def test_all_faults_are_reported_at_once_each_with_its_key():
    text = LEAST.replace("review_channel: C02", "review_channel: '#reviews'").replace("tenant: acme", "tenants: acme")
    text += "    thresholds: {margin: 2}\nservice: {timeout_seconds: soon}\n"

    found = faults(text)

    assert set(found) == {
        "teams[0].review_channel",
        "teams[0].tenant",
        "teams[0].tenants",
        "teams[0].thresholds.margin",
        "service.timeout_seconds",
    }
    assert "must be the id of a channel" in found["teams[0].review_channel"]
    assert "not a known key" in found["teams[0].tenants"]


def test_a_channel_cannot_be_source_and_target():
    found = faults(LEAST.replace("C03", "C01").replace("review_channel: C02", "review_channel: C01"))

    assert set(found) == {"teams[0].departments[0].channel", "teams[0].review_channel"}


def test_a_duplicate_key_is_refused_with_its_line():
    assert (
        "'tenant' is duplicated, line 5"
        in faults(LEAST.replace("tenant: acme", "tenant: a\n    tenant: b"))["configuration"]
    )


def test_a_section_with_nothing_in_it_is_left_out():
    assert parse_config(f"{LEAST}timers:\n").timers.drain_seconds == 20


def test_escalation_comes_after_the_reminder():
    clock = "acknowledgement: {remind_after_minutes: 60, escalate_after_minutes: 30}"

    found = faults(LEAST.replace("channel: C03", f"channel: C03, {clock}"))

    assert list(found) == ["teams[0].departments[0].acknowledgement.escalate_after_minutes"]


@pytest.mark.parametrize("text", ["", "- a", "a: [", "teams: []"])
def test_a_file_that_is_not_a_configuration_is_an_error_and_not_a_crash(text):
    assert faults(text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidArgumentError, match=r"gone\.yaml: cannot be read"):
        load_config(tmp_path / "gone.yaml")


def test_posts_go_only_to_channels_that_are_named():
    clock = "acknowledgement: {remind_after_minutes: 1, escalate_after_minutes: 2, escalate_to: C09}"

    config = parse_config(LEAST.replace("channel: C03", f"channel: C03, {clock}"))

    assert config.teams[0].channels == {"C01", "C02", "C03", "C09"}


def test_secrets_that_are_missing_are_all_named():
    with pytest.raises(InvalidArgumentError) as caught:
        read_secrets(parse_config(LEAST), {"SLACK_BOT_TOKEN": "xoxp-1"})

    assert {item.field for item in caught.value.violations} == {
        "FOREWORD_API_KEY",
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
    }


def test_secrets_are_never_shown():
    values = {"FOREWORD_API_KEY": "s3cret\n", "SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}

    secrets = read_secrets(parse_config(LEAST), values)

    assert secrets.api_keys == {"T01": "s3cret"}
    assert not any(part in repr(secrets) for part in ("s3cret", "xoxb", "xapp"))


def test_the_address_of_slack_is_a_setting():
    gov = parse_config(f"slack: {{api_url: https://slack-gov.com/api}}\n{LEAST}")

    assert gov.slack.api_url == "https://slack-gov.com/api/"
    assert gov.slack.site_url == "https://slack-gov.com/"
    assert parse_config(LEAST).slack.api_url == "https://slack.com/api/"


@pytest.mark.parametrize("url", ["http://slack.com/api/", "slack.com", "https://slack.com/api/?x=1", "https:///api/"])
def test_an_address_that_would_send_tokens_unencrypted_or_nowhere_is_refused(url):
    found = faults(f"slack: {{api_url: '{url}'}}\n{LEAST}")

    assert "must be the base URL of a Web API" in found["slack.api_url"]
