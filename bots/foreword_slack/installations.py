"""The tokens of workspaces: encrypted at rest, renewed before they expire, and tied to a tenant."""

from __future__ import annotations

import secrets
import time
from asyncio import Lock
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import aiohttp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from foreword.backoff import Backoff
from foreword.errors import FailedPreconditionError, InvalidArgumentError, UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.verdicts import Verdict, judge
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import InstallationState, Operation, Operator, Store, Workspace
from foreword_slack.token_vault import TokenVault

_log = get_logger(__name__)

_RENEW_BEFORE = timedelta(hours=2)  # of the 12 h that a rotating token lives
_IDENTIFY_ATTEMPTS = 8
_STATE_LIFETIME = timedelta(minutes=10)


class Installations(AsyncInstallationStore):
    """The store of installations for Bolt's OAuth flow, and the source of clients with a workspace's token.

    Args:
        vault: Encrypts the tokens.
        tenant_of: Returns the tenant of a workspace; None if the bot may not be installed there.
        client_id: The app's client id, needed to renew tokens. Default: tokens are not renewed.
        client_secret: The app's client secret.
    """

    def __init__(
        self,
        store: Store,
        vault: TokenVault,
        api: SlackApi,
        *,
        tenant_of: Callable[[str], str | None],
        client_id: str | None = None,
        client_secret: str | None = None,
    ) -> None:
        self._store, self._vault, self._api, self._tenant_of = store, vault, api, tenant_of
        self._client_id, self._client_secret = client_id, client_secret
        self._renewals: defaultdict[str, Lock] = defaultdict(Lock)
        self._backoff = Backoff(1.0, 30.0, Random())  # noqa: S311 - jitter

    # Called by Bolt's OAuth flow

    async def async_save(self, installation: Installation) -> None:
        """Store an installation, and make the calls that waited for it.

        Raises:
            BoltError: The installation is for a whole organisation, or for a workspace without a tenant.
        """
        team = installation.team_id
        if installation.is_enterprise_install or not team:
            raise BoltError(
                "Foreword cannot be installed in a whole organisation. Install it in one workspace at a time."
            )
        tenant = self._tenant_of(team)
        if tenant is None:
            raise BoltError(f"Workspace {team} belongs to no tenant. Ask the bot's operator to add it.")
        workspace = Workspace(
            team=team,
            name=installation.team_name or team,
            enterprise=installation.enterprise_id,
            tenant=tenant,
            state=InstallationState.ACTIVE,
            reason="",
            app=installation.app_id or "",
            bot=installation.bot_id or "",
            bot_user=installation.bot_user_id or "",
            scopes=tuple(installation.bot_scopes or ()),
            sealed=self._vault.seal(
                {
                    "bot_token": installation.bot_token,
                    "bot_refresh_token": installation.bot_refresh_token,
                    "installer": installation.user_id,
                }
            ),
            token_expire_time=self._expire_time(installation.bot_token_expires_at),
            install_time=self._store.clock.now(),
        )

        def save(operator: Operator) -> None:
            before = operator.workspaces.get(team)
            operator.workspaces.save(workspace)
            # A token of the environment is saved at each start; only changes are worth an audit line.
            if before is None or (before.state, before.bot_user) != (workspace.state, workspace.bot_user):
                operator.of(team).audit.append("installed", actor=installation.user_id, facts={"tenant": tenant})

        await self._store.operate(save, team=team)
        self._store.notify_outbox(team)
        _log.info("installed", team=team, tenant=tenant)

    async def async_find_bot(
        self, *, enterprise_id: str | None, team_id: str | None, is_enterprise_install: bool | None = False
    ) -> Bot | None:
        """Return the bot's installation in a workspace."""
        found = await self.async_find_installation(enterprise_id=enterprise_id, team_id=team_id)
        return None if found is None else found.to_bot()

    async def async_find_installation(
        self,
        *,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None = None,
        is_enterprise_install: bool | None = False,
    ) -> Installation | None:
        """Return the installation in a workspace, or None if there is no active one."""
        workspace = await self._active(team_id or "")
        if workspace is None:
            return None
        tokens = self._vault.open(workspace.sealed)
        expire_time = workspace.token_expire_time
        return Installation(
            app_id=workspace.app,
            enterprise_id=workspace.enterprise,
            team_id=workspace.team,
            team_name=workspace.name,
            bot_token=tokens["bot_token"],
            bot_id=workspace.bot,
            bot_user_id=workspace.bot_user,
            bot_scopes=list(workspace.scopes),
            bot_refresh_token=tokens["bot_refresh_token"],
            bot_token_expires_at=None if expire_time is None else int(expire_time.timestamp()),
            user_id=tokens["installer"] or "",
            installed_at=workspace.install_time,
        )

    async def async_delete_bot(self, *, enterprise_id: str | None, team_id: str | None) -> None:
        """Delete a workspace's tokens."""
        if team_id is not None:
            await self._store.write(team_id, lambda uow: uow.end_installation(InstallationState.UNINSTALLED, "deleted"))

    async def async_delete_installation(
        self, *, enterprise_id: str | None, team_id: str | None, user_id: str | None = None
    ) -> None:
        """Delete a workspace's tokens."""
        await self.async_delete_bot(enterprise_id=enterprise_id, team_id=team_id)

    # Called by the bot

    async def install_token(self, team: str, token: str) -> None:
        """Install the bot in a workspace with a token from the operator; failures do not affect other workspaces.

        If Slack refuses the token, the workspace is marked as down, which `foreword slack status` shows. If Slack is
        unreachable, the bot continues with the stored facts about the workspace.

        Raises:
            InvalidArgumentError: The token belongs to another workspace, or the workspace has no tenant.
            UnavailableError: Slack cannot be reached, and the bot was never installed in this workspace.
        """
        try:
            found = await self._identify(token)
        except FailedPreconditionError as error:
            reason = error.metadata["reason"]
            _log.error("token_refused", team=team, reason=reason)
            await self._store.write(team, lambda uow: uow.end_installation(InstallationState.DOWN, reason))
            return
        except UnavailableError:
            if not await self._keep_token(team, token):
                raise
            return
        if found["team_id"] != team:
            raise InvalidArgumentError.of(
                f"the bot token of {team}", f"belongs to the workspace {found['team_id']}; use the token of {team}"
            )
        scopes = next((value for name, value in found.headers.items() if name.lower() == "x-oauth-scopes"), "")
        installation = Installation(
            team_id=team,
            team_name=found.get("team"),
            enterprise_id=found.get("enterprise_id"),
            bot_token=token,
            bot_id=found.get("bot_id"),
            bot_user_id=found["user_id"],
            bot_scopes=[scope.strip() for scope in scopes.split(",") if scope.strip()],
            user_id="",
        )
        try:
            await self.async_save(installation)
        except BoltError as error:
            raise InvalidArgumentError.of("tenant", str(error)) from None

    async def _keep_token(self, team: str, token: str) -> bool:
        """Store a token that could not be checked with Slack; return False if the bot was never in the workspace."""
        known = await self._store.read(team, lambda uow: uow.installation)
        if known is None:
            return False
        _log.warning("token_not_checked", team=team)
        sealed = self._vault.seal({"bot_token": token, "bot_refresh_token": None, "installer": ""})
        kept = replace(known, sealed=sealed, token_expire_time=None)
        await self._store.operate(lambda operator: operator.workspaces.save(kept), team=team)
        return True

    async def _identify(self, token: str) -> AsyncSlackResponse:
        """Return Slack's answer to `auth.test`; retry during an outage of Slack, so that a restart survives it."""
        failure = None
        for attempt in range(1, _IDENTIFY_ATTEMPTS + 1):
            try:
                return await self._api.client(token).auth_test()
            except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
                failure = judge(error, Operation.POST)
            if failure.verdict not in (Verdict.NOT_MADE, Verdict.RATE_LIMITED, Verdict.UNSURE):
                raise FailedPreconditionError(
                    f"Slack refuses the bot token: {failure.reason}. Copy it again from the app's page "
                    "OAuth & Permissions.",
                    reason="SLACK_TOKEN_REFUSED",
                    metadata={"reason": failure.reason},
                )
            await self._store.clock.sleep(failure.retry_after_seconds or self._backoff.seconds(attempt))
        assert failure is not None
        raise UnavailableError(
            f"The bot token could not be checked with Slack in {_IDENTIFY_ATTEMPTS} attempts: {failure.reason}. Start "
            "the bot again when Slack can be reached."
        )

    async def client(self, team: str) -> AsyncWebClient | None:
        """Return a client with a workspace's token; None if the bot is not installed there or its token is refused."""
        workspace = await self._active(team)
        if workspace is None:
            return None
        if self._ends_within(workspace, timedelta(0)) and await self.renew(team):
            workspace = await self._active(team)
            assert workspace is not None
        return self._api.client(self._vault.open(workspace.sealed)["bot_token"])

    async def authorize(self, team_id: object, user_id: str | None) -> AuthorizeResult | None:
        """Return the authorization of a workspace for Bolt, from the store, so that no event causes a call to Slack."""
        workspace = await self._active(team_id) if isinstance(team_id, str) else None
        if workspace is None:
            return None
        return AuthorizeResult(
            enterprise_id=workspace.enterprise,
            team_id=workspace.team,
            bot_user_id=workspace.bot_user,
            bot_id=workspace.bot,
            bot_token=self._vault.open(workspace.sealed)["bot_token"],
            user_id=user_id,
        )

    async def renew(self, team: str) -> bool:
        """Renew an expired token; return False if it cannot be renewed.

        Raises:
            aiohttp.ClientError: Slack cannot be reached.
        """
        before = await self._active(team)
        async with self._renewals[team]:
            workspace = await self._active(team)
            if workspace is None or before is None:
                return False
            if workspace.sealed != before.sealed:
                return True  # renewed by another task while this one waited
            tokens = self._vault.open(workspace.sealed)
            if not (tokens["bot_refresh_token"] and self._client_id and self._client_secret):
                return False
            try:
                answer = await self._api.client().oauth_v2_access(
                    client_id=self._client_id,
                    client_secret=self._client_secret,
                    grant_type="refresh_token",
                    refresh_token=tokens["bot_refresh_token"],
                )
            except SlackApiError as error:
                _log.error("token_not_renewed", team=team, reason=error.response.get("error", "no_reason"))
                return False
            renewed = replace(
                workspace,
                sealed=self._vault.seal(
                    tokens | {"bot_token": answer["access_token"], "bot_refresh_token": answer["refresh_token"]}
                ),
                token_expire_time=self._store.clock.now() + timedelta(seconds=int(answer["expires_in"])),
            )
            await self._store.operate(lambda operator: operator.workspaces.save(renewed), team=team)
            return True

    async def renew_all(self) -> None:
        """Renew the tokens that expire soon."""
        for workspace in await self._store.survey(lambda operator: operator.workspaces.all()):
            if workspace.state is InstallationState.ACTIVE and self._ends_within(workspace, _RENEW_BEFORE):
                try:
                    await self.renew(workspace.team)
                except (aiohttp.ClientError, FailedPreconditionError, TimeoutError) as error:
                    # The next round tries again; the other workspaces must not wait for this one.
                    _log.warning("token_not_renewed", team=workspace.team, reason=type(error).__name__)

    async def reseal_all(self) -> None:
        """Encrypt all tokens with the first key, so that older keys can be removed."""

        def reseal(operator: Operator) -> None:
            for workspace in operator.workspaces.all():
                if workspace.sealed:
                    operator.workspaces.save(replace(workspace, sealed=self._vault.reseal(workspace.sealed)))

        await self._store.operate(reseal)

    async def _active(self, team: str) -> Workspace | None:
        workspace = await self._store.read(team, lambda uow: uow.installation)
        return workspace if workspace is not None and workspace.state is InstallationState.ACTIVE else None

    def _expire_time(self, machine_seconds: int | None) -> datetime | None:
        # The SDK adds the token's lifetime to the system clock.
        if machine_seconds is None:
            return None
        return self._store.clock.now() + timedelta(seconds=machine_seconds - time.time())

    def _ends_within(self, workspace: Workspace, delay: timedelta) -> bool:
        expire_time = workspace.token_expire_time
        return expire_time is not None and expire_time <= self._store.clock.now() + delay


class OauthStates(AsyncOAuthStateStore):
    """The states of OAuth flows in progress, in the store, because any of several bots may receive the redirect."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def async_issue(self, *args: Any, **kwargs: Any) -> str:
        """Return a new state, valid once and for ten minutes."""
        state = secrets.token_urlsafe(32)
        await self._store.operate(lambda operator: operator.workspaces.add_oauth_state(state, _STATE_LIFETIME))
        return state

    async def async_consume(self, state: str) -> bool:
        """Consume a state; return False if it is unknown, used or expired."""
        return await self._store.operate(lambda operator: operator.workspaces.take_oauth_state(state))
