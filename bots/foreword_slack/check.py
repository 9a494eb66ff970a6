"""Checks of tokens, scopes, channels, the deployment and its labels, before the bot starts to listen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from foreword.client import DeploymentState, TunedModel
from foreword.errors import ForewordError
from foreword_slack.config import TeamConfig
from foreword_slack.scopes import OPTIONAL, REQUIRED
from foreword_slack.service import TenantService, is_transient
from foreword_slack.slack_api import without_password
from foreword_slack.verdicts import judge

_UNREACHABLE = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault in the configuration or in the environment of the bot.

    Attributes:
        where: What is faulty, such as `T0123 channel C0123`.
        problem: What is wrong.
        remedy: What to do about the problem.
        serious: Whether the bot cannot work properly; otherwise only a part of it does not work.
        bearable: Whether the bot can run nevertheless: it waits for an unavailable service, and reports a department
            that cannot be notified to the review channel.
        team: The affected workspace; None if all are affected.
    """

    where: str
    problem: str
    remedy: str
    serious: bool = True
    bearable: bool = False
    team: str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}. {self.remedy}"


def find_blocking(faults: Sequence[Fault], teams: Iterable[str]) -> list[Fault]:
    """Return the faults that make starting pointless: they are not bearable, and affect every workspace.

    A fault of one workspace must not stop the others, and an unavailable service must not keep the bot from
    receiving complaints, which wait for the service.
    """
    lasting = [fault for fault in faults if fault.serious and not fault.bearable]
    stuck = {fault.team for fault in lasting}
    return lasting if None in stuck or stuck.issuperset(teams) else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The workspace and bot user of a bot token. `url` is the workspace's address."""

    team: str
    name: str
    url: str
    bot_user: str
    scopes: frozenset[str]


async def check_app_token(client: AsyncWebClient) -> list[Fault]:
    """Check that sockets can be opened, without opening one."""
    try:
        await client.apps_connections_open(app_token=str(client.token))
    except SlackApiError as error:
        failure = judge(error)
        if failure.is_passing:
            return [_unreachable(failure.reason, client)]
        return [
            Fault(
                where="app token",
                problem=f"Slack refuses it: {failure.reason}",
                remedy="Generate an app-level token with the scope connections:write under Basic Information, and "
                "enable Socket Mode.",
            )
        ]
    except _UNREACHABLE as error:
        return [_unreachable(type(error).__name__, client)]
    return []


async def check_workspace(team: TeamConfig, client: AsyncWebClient | None) -> list[Fault]:
    """Check the bot token, its scopes and the channels of a workspace with Slack.

    Args:
        client: Client with the workspace's bot token; None if there is no token.
    """
    if client is None:
        return [
            Fault(
                where=team.team,
                problem="there is no bot token",
                remedy=f"Set {team.bot_token_env}, or install the app through OAuth.",
            )
        ]
    try:
        identity = await identify(client)
    except SlackApiError as error:
        failure = judge(error)
        if failure.is_passing:
            return [_unreachable(failure.reason, client)]
        return [
            Fault(
                where=f"{team.team} bot token",
                problem=f"Slack refuses it: {failure.reason}",
                remedy="Copy it again from the app's page OAuth & Permissions.",
            )
        ]
    except _UNREACHABLE as error:
        return [_unreachable(type(error).__name__, client)]
    if identity.team != team.team:
        return [
            Fault(
                where=f"{team.team} bot token",
                problem=f"it belongs to the workspace {identity.name} ({identity.team})",
                remedy=f"Set `team: {identity.team}`, or use the token of {team.team}.",
            )
        ]
    faults = list(_scope_faults(team, identity.scopes))
    if {"channels:read", "groups:read"} <= identity.scopes:
        faults += [fault async for fault in _channel_faults(team, client)]
    return faults


async def identify(client: AsyncWebClient) -> Identity:
    """Return the workspace and bot user of a bot token.

    Raises:
        SlackApiError: Slack refuses the token.
    """
    answer = await client.auth_test()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    scopes = headers.get("x-oauth-scopes", "")
    return Identity(
        team=str(answer["team_id"]),
        name=str(answer.get("team", "")),
        url=str(answer.get("url", "")),
        bot_user=str(answer["user_id"]),
        scopes=frozenset(scope.strip() for scope in scopes.split(",") if scope.strip()),
    )


async def check_service(team: TeamConfig, service: TenantService) -> list[Fault]:
    """Check the API key, the deployment and the datasets of a workspace with the Foreword service."""
    where = f"{team.team} service"
    try:
        tenant = await service.identity()
        if tenant != team.tenant:
            return [
                Fault(
                    where=where,
                    problem=f"the key in {team.api_key_env} belongs to tenant {tenant}, not {team.tenant}",
                    remedy=f"Create a key of {team.tenant} with `foreword keys create`, or set `tenant: {tenant}`.",
                )
            ]
        return [fault async for fault in _deployment_faults(team, service)]
    except ForewordError as error:
        remedy = "Check service.endpoint and the API key."
        return [Fault(where=where, problem=error.message.rstrip("."), remedy=remedy, bearable=is_transient(error))]


def check_config(team: TeamConfig) -> list[Fault]:
    """Check for settings that are valid but probably not intended."""
    if team.administrators or not team.learning.propose_after:
        return []
    return [
        Fault(
            where=f"{team.team} administrators",
            problem="there are none, so nobody may start a retrain or promote a model",
            remedy="List people in `administrators`.",
            serious=False,
        )
    ]


def _scope_faults(team: TeamConfig, scopes: frozenset[str]) -> Iterator[Fault]:
    for names, serious in ((REQUIRED, True), (OPTIONAL, False)):
        for scope, purpose in names.items():
            if scope not in scopes:
                yield Fault(
                    where=f"{team.team} scope {scope}",
                    problem=f"it is missing {purpose}",
                    remedy="Add it on the app's page OAuth & Permissions, and install the app again.",
                    serious=serious,
                )


async def _channel_faults(team: TeamConfig, client: AsyncWebClient) -> AsyncIterator[Fault]:
    needed = {*team.complaint_channels, team.review_channel}
    for channel, use in sorted(_uses(team).items()):
        where, bearable = f"{team.team} channel {channel} ({use})", channel not in needed
        try:
            found = (await client.conversations_info(channel=channel))["channel"]
        except SlackApiError as error:
            failure = judge(error)
            if failure.is_passing:
                yield _unreachable(failure.reason, client)
                return
            yield Fault(
                where=where,
                problem=f"Slack does not know it: {failure.reason}",
                remedy="Copy the id from the channel's details; invite the bot first if the channel is private.",
                bearable=bearable,
            )
            continue
        except _UNREACHABLE as error:
            yield _unreachable(type(error).__name__, client)
            return
        if found.get("is_archived"):
            yield Fault(
                where=where,
                problem="it is archived",
                remedy="Unarchive it, or configure another channel.",
                bearable=bearable,
            )
        elif not found.get("is_member"):
            yield Fault(
                where=where,
                problem="the bot is not a member of it",
                remedy=f"Type `/invite @foreword` in #{found.get('name', channel)}.",
                bearable=bearable,
            )


def _uses(team: TeamConfig) -> Mapping[str, str]:
    uses: dict[str, list[str]] = {}
    for channel in team.complaint_channels:
        uses.setdefault(channel, []).append("complaints")
    uses.setdefault(team.review_channel, []).append("review")
    for department in team.departments:
        uses.setdefault(department.channel, []).append(department.label)
        clock = department.acknowledgement
        if clock is not None and clock.escalate_to is not None:
            uses.setdefault(clock.escalate_to, []).append(f"escalation of {department.label}")
    return {channel: ", ".join(names) for channel, names in uses.items()}


async def _deployment_faults(team: TeamConfig, service: TenantService) -> AsyncIterator[Fault]:
    where = f"{team.team} deployment {team.deployment}"
    deployment = await service.deployment(team.deployment)
    if deployment is None:
        yield Fault(
            where=where,
            problem=f"tenant {team.tenant} has no deployment with this serving name",
            remedy=f"Deploy a model: `foreword deploy MODEL --name {team.deployment}`.",
        )
        return
    if deployment.state not in (DeploymentState.READY, DeploymentState.UPDATING):
        yield Fault(
            where=where,
            problem=f"it is {deployment.state.value}",
            remedy="Run `foreword deployments list` for the reason; deploy a model that passes its probe.",
        )
        return
    if "/tunedModels/" not in deployment.model:
        yield Fault(
            where=where,
            problem="it serves a base model, which has no labels",
            remedy="Tune a model on your complaints and deploy it.",
        )
        return
    model = await service.tuned_model(deployment.model)
    for fault in (*_label_faults(where, team, model.labels), *_precision_faults(team, model)):
        yield fault
    for key, dataset in (("held_out_dataset", team.learning.held_out_dataset), ("dataset", team.learning.dataset)):
        if dataset and not await service.has_dataset(dataset):
            yield Fault(
                where=f"{team.team} learning.{key}",
                problem=f"{dataset} does not exist",
                remedy="Run `foreword datasets list` to list the existing datasets.",
                serious=False,
            )


def _label_faults(where: str, team: TeamConfig, labels: Iterable[str]) -> Iterator[Fault]:
    departments = {item.label for item in team.departments}
    known = set(labels)
    if not known:
        yield Fault(
            where=where,
            problem="its model was not tuned for classification",
            remedy="Tune a model with the task classification.",
        )
        return
    for label in sorted(known - departments):
        yield Fault(
            where=where,
            problem=f"its label {label!r} has no department, so complaints with it always go to review",
            remedy=f"Add a department with `label: {label}`.",
            serious=False,
        )
    for label in sorted(departments - known):
        yield Fault(
            where=where,
            problem=f"its model never answers {label!r}, so only people can route complaints to that department",
            remedy=f"Correct the label, or tune a model on rows with {label!r}.",
            serious=False,
        )


def _precision_faults(team: TeamConfig, model: TunedModel) -> Iterator[Fault]:
    wanted = team.thresholds.min_precision
    where = f"{team.team} thresholds.min_precision"
    if not wanted or not model.labels:
        return
    calibration = model.answer_calibration
    if calibration is None:
        yield Fault(
            where=where,
            problem="it has no effect, because the model has no calibration; only the other thresholds apply",
            remedy="Tune a model with held-out rows (`validation_split` above 0), or set `min_precision: 0`.",
            serious=False,
        )
        return
    departments = [item.label for item in team.departments if item.label in model.labels]
    unknown = [label for label in departments if calibration.threshold((label,), wanted) is None]
    if unknown:
        yield Fault(
            where=where,
            problem=f"no threshold is known from which on the model is right in {wanted:.0%} of its answers with "
            f"{', '.join(unknown)}, so complaints with these labels always go to review",
            remedy="Tune a model with at least 30 held-out rows, or set 0 to use only probabilities.",
            serious=False,
        )


def _unreachable(reason: str, client: AsyncWebClient) -> Fault:
    way = f" through the proxy {without_password(client.proxy)}" if client.proxy else ""
    return Fault(
        where="Slack",
        problem=f"it cannot be reached{way} ({reason})",
        remedy="Check the network, the proxy settings (HTTPS_PROXY, no_proxy) and https://slack-status.com.",
        bearable=True,
    )
