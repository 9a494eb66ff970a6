"""The bot's durable state, in SQLite or PostgreSQL.

`Store.write(team, work)` and `Store.read(team, work)` run `work(uow)` as one transaction of one workspace. The
`UnitOfWork` has a repository for each kind of record, bound to that workspace:

    uow.inbox             events and timers to handle
    uow.posts             calls to Slack, each made once after the commit
    uow.complaints        complaints and their states
    uow.acknowledgements  departments that have taken complaints
    uow.corrections       people's answers for complaints
    uow.retrainings       retrainings and their states
    uow.overrides         settings that administrators changed
    uow.audit             append-only log of actions
    uow.installation      the workspace's installation

`Store.survey(lambda operator: operator.overview())` returns the state of all workspaces.

A handler reads, makes its slow calls outside any transaction, and ends with one transaction that changes the
complaint, appends to the audit, requests posts and marks the event as done. If the bot is killed at any moment, either
all of these changes are stored or none.
"""

from foreword_slack.store.acknowledgements import Acknowledgement, AcknowledgementState
from foreword_slack.store.audit import AuditLine
from foreword_slack.store.complaints import Complaint, ComplaintState, complaint_id, parse_complaint_id
from foreword_slack.store.corrections import Correction
from foreword_slack.store.events import HOOK, Event, EventState, Lane, NewEvent
from foreword_slack.store.overview import Overview, TeamOverview
from foreword_slack.store.posts import Operation, Post, PostState
from foreword_slack.store.processes import BotProcess
from foreword_slack.store.retrainings import Retraining, RetrainingState
from foreword_slack.store.store import Store
from foreword_slack.store.unit_of_work import Operator, UnitOfWork
from foreword_slack.store.workspaces import InstallationState, Workspace

__all__ = [
    "HOOK",
    "Acknowledgement",
    "AcknowledgementState",
    "AuditLine",
    "BotProcess",
    "Complaint",
    "ComplaintState",
    "Correction",
    "Event",
    "EventState",
    "InstallationState",
    "Lane",
    "NewEvent",
    "Operation",
    "Operator",
    "Overview",
    "Post",
    "PostState",
    "Retraining",
    "RetrainingState",
    "Store",
    "TeamOverview",
    "UnitOfWork",
    "Workspace",
    "complaint_id",
    "parse_complaint_id",
]
