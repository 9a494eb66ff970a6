"""The repositories of a transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from foreword_slack.store.acknowledgements import Acknowledgements
from foreword_slack.store.audit import Audit
from foreword_slack.store.complaints import Complaints
from foreword_slack.store.corrections import Corrections
from foreword_slack.store.events import EventQueue, Events
from foreword_slack.store.overrides import Overrides
from foreword_slack.store.overview import Overview, read_overview
from foreword_slack.store.post_queue import PostQueue
from foreword_slack.store.posts import Posts
from foreword_slack.store.processes import Processes
from foreword_slack.store.retrainings import Retrainings
from foreword_slack.store.workspaces import InstallationState, Workspace, Workspaces


class UnitOfWork:
    """The repositories of a transaction of one workspace, which cannot access the rows of another.

    Attributes:
        team: The workspace.
        now: Start of the transaction, an aware datetime in UTC.
    """

    def __init__(self, session: Session, team: str, now: datetime) -> None:
        self._session = session
        self.team = team
        self.now = now
        self.inbox = Events(session, team, now)
        self.posts = Posts(session, team, now)
        self.complaints = Complaints(session, team, now)
        self.acknowledgements = Acknowledgements(session, team, now)
        self.corrections = Corrections(session, team, now)
        self.retrainings = Retrainings(session, team, now)
        self.overrides = Overrides(session, team, now)
        self.audit = Audit(session, team, now)

    @property
    def installation(self) -> Workspace | None:
        """The workspace's installation; None if the bot was never installed in it."""
        return Workspaces(self._session, self.now).get(self.team)

    def end_installation(self, state: InstallationState, reason: str) -> None:
        """Record that the installation has ended; the workspace's calls wait for a new one."""
        if Workspaces(self._session, self.now).mark(self.team, state, reason):
            self.audit.append("installation_ended", facts={"state": state.value, "reason": reason})


class Operator:
    """The repositories of an internal transaction across workspaces; handlers must not use it.

    Attributes:
        now: Start of the transaction, an aware datetime in UTC.
    """

    def __init__(self, session: Session, now: datetime) -> None:
        self.session = session
        self.now = now
        self.events = EventQueue(session, now)
        self.posts = PostQueue(session, now)
        self.workspaces = Workspaces(session, now)
        self.processes = Processes(session, now)

    def overview(self) -> Overview:
        """Return the state of all workspaces."""
        return read_overview(self.session, self.now)

    def of(self, team: str) -> UnitOfWork:
        """Return the same transaction, bound to one workspace."""
        return UnitOfWork(self.session, team, self.now)
