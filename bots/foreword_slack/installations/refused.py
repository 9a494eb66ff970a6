"""Tokens that Slack has refused: they are tried again, because a refusal may be an error of Slack."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from foreword.errors import ForewordError
from foreword.observability.logging import get_logger
from foreword_slack.slack_api import SlackApi
from foreword_slack.store import InstallationState, Operator, Store, Workspace
from foreword_slack.token_vault import TokenVault
from foreword_slack.verdicts import judge

_log = get_logger("slack.installations")

_FIRST_PROBE = timedelta(minutes=1)
_LONGEST_PROBE = timedelta(hours=1)


class RefusedTokens:
    """The workspaces whose tokens Slack has refused.

    Args:
        vault: Decrypts the tokens.
        install: Installs the bot in a workspace with a token from the operator.
    """

    def __init__(
        self,
        store: Store,
        vault: TokenVault,
        api: SlackApi,
        install: Callable[[str, str], Coroutine[Any, Any, object]],
    ) -> None:
        self._store, self._vault, self._api, self._install = store, vault, api, install
        self._tokens: dict[str, str] = {}  # from the operator, by workspace
        self._probes: dict[str, tuple[int, datetime]] = {}  # attempts, and the time of the next

    def add(self, team: str, token: str) -> None:
        """Add a token from the operator, in case the bot was never installed in its workspace."""
        self._tokens[team] = token

    async def try_again(self) -> None:
        """Ask Slack, at growing intervals, whether it accepts the tokens again that it has refused."""
        workspaces = await self._store.survey(lambda operator: operator.workspaces.all())
        down = [item for item in workspaces if item.state is InstallationState.DOWN and item.sealed]
        for team in self._tokens.keys() - {item.team for item in workspaces}:  # never installed, but configured
            if self._is_probe_due(team):
                await self._attempt(team, self._install(team, self._tokens.pop(team)))
        for workspace in down:
            if self._is_probe_due(workspace.team):
                await self._attempt(workspace.team, self._probe(workspace))
        now = self._store.clock.now()
        waiting = {item.team for item in down} | self._tokens.keys()
        # A workspace that is soon refused again is not asked at short intervals again.
        self._probes = {
            team: (attempts, due)
            for team, (attempts, due) in self._probes.items()
            if team in waiting or now < due + _LONGEST_PROBE
        }

    def _is_probe_due(self, team: str) -> bool:
        """Return whether a workspace's token is to be tried now; if so, choose the time of the next attempt."""
        now = self._store.clock.now()
        attempts, due = self._probes.setdefault(team, (0, now + _FIRST_PROBE))
        if due > now:
            return False
        self._probes[team] = (attempts + 1, now + min(_FIRST_PROBE * 2.0 ** min(attempts + 1, 10), _LONGEST_PROBE))
        return True

    async def _attempt(self, team: str, attempt: Coroutine[Any, Any, object]) -> None:
        try:
            await attempt
        except (ForewordError, SlackApiError, aiohttp.ClientError, TimeoutError) as error:
            _log.warning("token_not_probed", team=team, error=type(error).__name__)

    async def _probe(self, workspace: Workspace) -> None:
        team = workspace.team
        client = self._api.client(self._vault.open(workspace.sealed)["bot_token"])
        try:
            found = await client.auth_test()
        except SlackApiError as error:
            reason = judge(error).reason
            _log.error("installation_down", team=team, reason=reason, next_attempt=self._probes[team][1].isoformat())
            return
        if found["team_id"] != team:
            return

        def revive(operator: Operator) -> None:
            current = operator.workspaces.get(team)
            if current is not None and current.sealed == workspace.sealed:
                operator.workspaces.mark(team, InstallationState.ACTIVE, "")
                operator.of(team).audit.append("installation_up")

        await self._store.operate(revive, team=team)
        self._store.notify_outbox(team)
        _log.info("installation_up", team=team)
