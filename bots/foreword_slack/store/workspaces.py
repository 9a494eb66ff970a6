"""Installations of the bot in workspaces. `foreword_slack.installations` encrypts the tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from foreword_slack.store.tables import InstallationRow, OauthStateRow


class InstallationState(StrEnum):
    """The state of an installation."""

    ACTIVE = "active"
    DOWN = "down"  # Slack refuses the token; posts wait until the bot is installed again
    UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An installation.

    Attributes:
        team: Slack's id of the workspace.
        tenant: Name of the tenant whose models and data the workspace uses.
        reason: Slack's error code if the installation is down.
        bot: Slack's id of the bot, the `bot_id` of its messages.
        bot_user: Slack's id of the bot's user, which people mention.
        scopes: OAuth scopes of the bot.
        sealed: Encrypted tokens.
        token_expire_time: Time when the token expires; None for never.
    """

    team: str
    name: str
    enterprise: str | None
    tenant: str
    state: InstallationState
    reason: str
    app: str
    bot: str
    bot_user: str
    scopes: tuple[str, ...]
    sealed: str
    token_expire_time: datetime | None
    install_time: datetime


class Workspaces:
    """The installations of all workspaces."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def get(self, team: str) -> Workspace | None:
        """Return a workspace by its id, or None."""
        row = self._session.get(InstallationRow, team)
        return None if row is None else _to_workspace(row)

    def all(self) -> list[Workspace]:
        """Return all workspaces, sorted by id."""
        return [
            _to_workspace(row) for row in self._session.scalars(select(InstallationRow).order_by(InstallationRow.team))
        ]

    def save(self, workspace: Workspace) -> None:
        """Add or replace a workspace."""
        row = self._session.get(InstallationRow, workspace.team)
        if row is None:
            row = InstallationRow(team=workspace.team)
            self._session.add(row)
        for name in ("name", "enterprise", "tenant", "reason", "app", "bot", "bot_user", "sealed"):
            setattr(row, name, getattr(workspace, name))
        row.state, row.scopes = workspace.state.value, list(workspace.scopes)
        row.token_expire_time, row.install_time = workspace.token_expire_time, workspace.install_time
        row.update_time = self._now
        self._session.flush()

    def mark(self, team: str, state: InstallationState, reason: str) -> bool:
        """Change a workspace's state; return False if there is none or it has this state already."""
        row = self._session.get(InstallationRow, team)
        if row is None or row.state == state.value:
            return False
        row.state, row.reason, row.update_time = state.value, reason, self._now
        if state is InstallationState.UNINSTALLED:
            row.sealed = ""  # the tokens are invalid now and need not be kept
        self._session.flush()
        return True

    def add_oauth_state(self, state: str, lifetime: timedelta) -> None:
        """Store the state of a new OAuth flow."""
        self._session.add(OauthStateRow(state=state, expire_time=self._now + lifetime))

    def take_oauth_state(self, state: str) -> bool:
        """Consume a state; return False if it is unknown, used or expired."""
        self._session.execute(delete(OauthStateRow).where(OauthStateRow.expire_time <= self._now))
        result = self._session.execute(delete(OauthStateRow).where(OauthStateRow.state == state))
        assert isinstance(result, CursorResult)
        return result.rowcount > 0


def _to_workspace(row: InstallationRow) -> Workspace:
    return Workspace(
        team=row.team,
        name=row.name,
        enterprise=row.enterprise,
        tenant=row.tenant,
        state=InstallationState(row.state),
        reason=row.reason,
        app=row.app,
        bot=row.bot,
        bot_user=row.bot_user,
        scopes=tuple(row.scopes),
        sealed=row.sealed,
        token_expire_time=row.token_expire_time,
        install_time=row.install_time,
    )
