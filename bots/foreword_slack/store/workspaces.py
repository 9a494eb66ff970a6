"""The workspaces that the bot was installed in. Tokens come here encrypted, by `foreword_slack.installations`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from foreword_slack.store.tables import InstallationRow, OauthStateRow


class InstallationState(StrEnum):
    """Whether a workspace can be posted to."""

    ACTIVE = "active"
    DOWN = "down"  # Slack refuses the token; posts wait until somebody installs the bot again
    UNINSTALLED = "uninstalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An installation.

    Attributes:
        team: Slack's id of the workspace.
        tenant: Name of the tenant whose models and data its complaints belong to.
        reason: Why it is down: Slack's error code.
        bot: Slack's id of the bot, as it stands in messages' `bot_id`.
        bot_user: Slack's id of the bot's user, as people mention it.
        scopes: What the bot may do.
        sealed: Its tokens, encrypted.
        token_expire_time: When its token ends; None: never.
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
    """All installations. It alone among the repositories sees every team."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session, self._now = session, now

    def get(self, team: str) -> Workspace | None:
        """A workspace by its team."""
        row = self._session.get(InstallationRow, team)
        return None if row is None else _to_workspace(row)

    def all(self) -> list[Workspace]:
        """Every workspace, by team."""
        return [
            _to_workspace(row) for row in self._session.scalars(select(InstallationRow).order_by(InstallationRow.team))
        ]

    def save(self, workspace: Workspace) -> None:
        """Adds a workspace, or takes the place of what is stored for its team."""
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
        """Changes a workspace's state; False when there is none or it is in that state already."""
        row = self._session.get(InstallationRow, team)
        if row is None or row.state == state.value:
            return False
        row.state, row.reason, row.update_time = state.value, reason, self._now
        if state is InstallationState.UNINSTALLED:
            row.sealed = ""  # the tokens are worthless now, and nobody's business
        self._session.flush()
        return True

    def add_oauth_state(self, state: str, lifetime: timedelta) -> None:
        """Notes that somebody began to install the bot."""
        self._session.add(OauthStateRow(state=state, expire_time=self._now + lifetime))

    def take_oauth_state(self, state: str) -> bool:
        """Uses a state up; False when it is unknown, used or too old."""
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
