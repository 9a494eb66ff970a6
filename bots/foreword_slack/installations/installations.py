"""The store of installations, and the clients with the tokens of workspaces."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import aiohttp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltError
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.web.async_client import AsyncWebClient

from foreword.errors import InvalidArgumentError, UnavailableError
from foreword.observability.logging import get_logger
from foreword_slack.installations.refused import RefusedTokens
from foreword_slack.installations.renewal import TokenRenewal, active_workspace
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import InstallationState, Operator, Store, Workspace
from foreword_slack.token_vault import TokenVault
from foreword_slack.verdicts import judge

_log = get_logger(__name__)


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
        self._renewal = TokenRenewal(store, vault, api, client_id=client_id, client_secret=client_secret)
        self._refused = RefusedTokens(store, vault, api, self.install_token)

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
        workspace = await active_workspace(self._store, team_id or "")
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

    async def install_token(self, team: str, token: str) -> str:
        """Install the bot in a workspace with a token from the operator; failures do not affect other workspaces.

        If Slack refuses the token, the workspace is marked as down, which `foreword slack status` shows. If Slack is
        unreachable, the bot continues with the stored facts about the workspace.

        Returns:
            The workspace's address, such as `https://acme.slack.com/`; empty if Slack did not tell it.

        Raises:
            InvalidArgumentError: The token belongs to another workspace, or the workspace has no tenant.
            UnavailableError: Slack cannot be reached, and the bot was never installed in this workspace.
        """
        try:
            found = await self._api.reader(token).auth_test()
        except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            failure = judge(error)
            if failure.is_passing:
                if await self._keep_token(team, token):
                    return ""
                raise UnavailableError(
                    f"The bot token of {team} could not be checked with Slack: {failure.reason}. Start the bot again "
                    "when Slack can be reached."
                ) from None
            _log.error("token_refused", team=team, reason=failure.reason)
            self._refused.add(team, token)
            if await self._keep_token(team, token):
                await self._store.write(team, lambda uow: uow.end_installation(InstallationState.DOWN, failure.reason))
            return ""
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
        return str(found.get("url") or "")

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

    async def client(self, team: str, *, reads: bool = False) -> AsyncWebClient | None:
        """Return a client with a workspace's token; None if the bot is not installed there or its token is refused.

        Args:
            reads: Whether the client only reads, so that its calls are repeated while Slack limits or fails them.

        Raises:
            FailedPreconditionError: The token cannot be decrypted.
            TokenNotRenewedError: The token has expired, and could not be renewed now.
        """
        workspace = await active_workspace(self._store, team)
        if workspace is None:
            return None
        if self._renewal.is_due(workspace, timedelta(0)) and await self.renew(team):
            workspace = await active_workspace(self._store, team)
            assert workspace is not None
        token = self._vault.open(workspace.sealed)["bot_token"]
        return self._api.reader(token) if reads else self._api.client(token)

    async def authorize(self, team_id: object, user_id: str | None) -> AuthorizeResult | None:
        """Return the authorization of a workspace for Bolt, from the store, so that no event causes a call to Slack."""
        workspace = await active_workspace(self._store, team_id) if isinstance(team_id, str) else None
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
        """Renew an expired token; return False if it can never be renewed.

        Raises:
            TokenNotRenewedError: It could not be renewed now.
        """
        return await self._renewal.renew(team)

    async def renew_all(self) -> None:
        """Renew the tokens that expire soon."""
        await self._renewal.renew_all()

    async def try_again(self) -> None:
        """Ask Slack, at growing intervals, whether it accepts the tokens again that it has refused."""
        await self._refused.try_again()

    async def reseal_all(self) -> None:
        """Encrypt all tokens with the first key, so that older keys can be removed; skip those of unknown keys."""

        def reseal(operator: Operator) -> None:
            for workspace in operator.workspaces.all():
                sealed = self._vault.reseal(workspace.sealed) if workspace.sealed else None
                if sealed is not None:
                    operator.workspaces.save(replace(workspace, sealed=sealed))

        await self._store.operate(reseal)

    def _expire_time(self, machine_seconds: int | None) -> datetime | None:
        # The SDK adds the token's lifetime to the system clock.
        if machine_seconds is None:
            return None
        return self._store.clock.now() + timedelta(seconds=machine_seconds - time.time())
