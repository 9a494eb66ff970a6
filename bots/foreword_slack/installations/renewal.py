"""The renewal of tokens that expire after twelve hours."""

from __future__ import annotations

from asyncio import Lock
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import aiohttp
from slack_sdk.errors import SlackApiError

from foreword.backoff import Backoff
from foreword.errors import FailedPreconditionError
from foreword.observability.logging import get_logger
from foreword_slack.delivery.clients import TokenNotRenewedError
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import InstallationState, Store, Workspace
from foreword_slack.token_vault import TokenVault
from foreword_slack.verdicts import Failure, Verdict, judge

_log = get_logger("slack.installations")

_RENEW_BEFORE = timedelta(hours=2)  # of the 12 h that a rotating token lives
_REFUSED = frozenset({"invalid_refresh_token", "bad_client_secret", "invalid_client_id", "invalid_grant_type"})


async def active_workspace(store: Store, team: str) -> Workspace | None:
    """Return a workspace by its id; None if the bot is not installed there or its token is refused."""
    workspace = await store.read(team, lambda uow: uow.installation)
    return workspace if workspace is not None and workspace.state is InstallationState.ACTIVE else None


class TokenRenewal:
    """The renewal of tokens, once at a time for each workspace and not before Slack permits it.

    Args:
        vault: Encrypts the tokens.
        client_id: The app's client id. Default: tokens are not renewed.
        client_secret: The app's client secret.
    """

    def __init__(
        self, store: Store, vault: TokenVault, api: SlackApi, *, client_id: str | None, client_secret: str | None
    ) -> None:
        self._store, self._vault, self._api = store, vault, api
        self._client_id, self._client_secret = client_id, client_secret
        self._renewals: defaultdict[str, Lock] = defaultdict(Lock)
        self._backoff = Backoff(5.0, 300.0, Random())  # noqa: S311 - jitter
        self._renewable: dict[str, tuple[datetime, str]] = {}  # when Slack may be asked again, and why not before
        self._failures: Counter[str] = Counter()

    def is_due(self, workspace: Workspace, delay: timedelta) -> bool:
        """Return whether a workspace's token expires within a delay."""
        expire_time = workspace.token_expire_time
        return expire_time is not None and expire_time <= self._store.clock.now() + delay

    async def renew(self, team: str) -> bool:
        """Renew an expired token; return False if it can never be renewed.

        Raises:
            TokenNotRenewedError: It could not be renewed now.
        """
        before = await active_workspace(self._store, team)
        async with self._renewals[team]:
            workspace = await active_workspace(self._store, team)
            if workspace is None or before is None:
                return False
            if workspace.sealed != before.sealed:
                return True  # renewed by another task while this one waited
            tokens = self._vault.open(workspace.sealed)
            if not (tokens["bot_refresh_token"] and self._client_id and self._client_secret):
                return False
            self._check_renewable(team)
            try:
                answer = await self._api.client().oauth_v2_access(
                    client_id=self._client_id,
                    client_secret=self._client_secret,
                    grant_type="refresh_token",
                    refresh_token=tokens["bot_refresh_token"],
                )
            except (SlackApiError, aiohttp.ClientError, TimeoutError) as error:
                return self._not_renewed(team, judge(error))
            self._renewable.pop(team, None)
            self._failures.pop(team, None)
            renewed = replace(
                workspace,
                sealed=self._vault.seal(
                    tokens | {"bot_token": answer["access_token"], "bot_refresh_token": answer["refresh_token"]}
                ),
                token_expire_time=self._store.clock.now() + timedelta(seconds=int(answer["expires_in"])),
            )
            await self._store.operate(lambda operator: operator.workspaces.save(renewed), team=team)
            return True

    def _check_renewable(self, team: str) -> None:
        until, reason = self._renewable.get(team, (None, ""))
        now = self._store.clock.now()
        if until is not None and until > now:
            raise TokenNotRenewedError((until - now).total_seconds(), reason)

    def _not_renewed(self, team: str, failure: Failure) -> bool:
        """Return False if a token can never be renewed; otherwise raise when it may be."""
        if failure.verdict in (Verdict.TENANT_DOWN, Verdict.PERMANENT) or failure.reason in _REFUSED:
            _log.error("token_not_renewed", team=team, reason=failure.reason)
            return False
        self._failures[team] += 1
        seconds = failure.retry_after_seconds or 1.0 + self._backoff.seconds(self._failures[team])
        self._renewable[team] = (self._store.clock.now() + timedelta(seconds=seconds), failure.reason)
        _log.warning("token_not_renewed", team=team, reason=failure.reason, seconds=round(seconds))
        raise TokenNotRenewedError(seconds, failure.reason)

    async def renew_all(self) -> None:
        """Renew the tokens that expire soon."""
        for workspace in await self._store.survey(lambda operator: operator.workspaces.all()):
            if workspace.state is InstallationState.ACTIVE and self.is_due(workspace, _RENEW_BEFORE):
                try:
                    await self.renew(workspace.team)
                except (FailedPreconditionError, TokenNotRenewedError) as error:
                    # The next round tries again; the other workspaces must not wait for this one.
                    _log.warning("token_not_renewed", team=workspace.team, reason=type(error).__name__)
