"""Everything that the bot must not forget, in SQLite or PostgreSQL.

`Store.write(team, work)` and `Store.read(team, work)` run `work(uow)` as one transaction of one workspace; the
`UnitOfWork` has a repository for each noun, bound to that workspace:

    uow.inbox             what happened and is still to be handled; timers
    uow.posts             calls to Slack, made once each after the transaction committed
    uow.complaints        complaints and what became of them
    uow.acknowledgements  which department has taken which complaint
    uow.corrections       what people said complaints belong to
    uow.retrainings       new models in the making
    uow.overrides         settings that administrators changed
    uow.audit             who and what did what; only grows
    uow.installation      the workspace's installation

`Store.survey(lambda operator: operator.overview())` shows the state of everything.

A handler reads, makes its slow calls outside any transaction, and ends with one transaction that changes the
complaint, appends to the audit, asks for posts and marks the event as done. Killed at any moment, it is either as if
it had not begun, or all of it has happened.
"""

from foreword_slack.store.acknowledgements import Acknowledgement, AcknowledgementState
from foreword_slack.store.audit import AuditLine
from foreword_slack.store.complaints import Complaint, ComplaintState, complaint_id, parse_complaint_id
from foreword_slack.store.corrections import Correction
from foreword_slack.store.events import Event, EventState, NewEvent
from foreword_slack.store.overview import Overview, TeamOverview
from foreword_slack.store.posts import Operation, Post, PostState
from foreword_slack.store.processes import BotProcess
from foreword_slack.store.retrainings import Retraining, RetrainingState
from foreword_slack.store.store import Store
from foreword_slack.store.unit_of_work import Operator, UnitOfWork
from foreword_slack.store.workspaces import InstallationState, Workspace

__all__ = [
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
